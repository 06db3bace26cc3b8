//! Worlds that once broke a rule.

#[test]
fn a_pair_nominated_again_after_more_than_30_s_takes_no_data_before_there_is_consent_on_it() {
    // The controlled side left the way in use for one without consent, and was disconnected.
    let outcome = floe_soak::play(348_844);
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
}
