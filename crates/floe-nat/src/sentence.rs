//! What it means, for a person.

use crate::{Behaviour, Finding, Report};

impl Report {
    /// What it means for calls, in a sentence or two.
    ///
    /// It speaks of peers whose NATs obey RFC 4787 as far as their kind does; a firewall without a NAT counts as a NAT
    /// with endpoint-independent mapping.
    #[must_use]
    pub const fn sentence(&self) -> &'static str {
        sentence(&self.mapping, &self.filtering)
    }
}

const fn sentence(mapping: &Finding<Behaviour>, filtering: &Finding<Behaviour>) -> &'static str {
    use Behaviour::{AddressAndPortDependent, AddressDependent, EndpointIndependent};
    match (mapping.known(), filtering.known()) {
        (Some(EndpointIndependent), Some(EndpointIndependent | AddressDependent)) => {
            "Calls to peers behind any NAT can be direct."
        }
        (Some(EndpointIndependent), Some(AddressAndPortDependent)) => {
            "Calls to most peers will be direct; a peer whose NAT maps each remote anew needs a relay."
        }
        (Some(AddressDependent), Some(EndpointIndependent)) => {
            "Two callers behind such NATs can be direct; a peer whose NAT lets in nothing but answers needs a relay."
        }
        (Some(AddressDependent), Some(AddressDependent | AddressAndPortDependent))
        | (Some(AddressAndPortDependent), Some(_)) => {
            "Two callers behind such NATs need a relay; only calls to peers behind open NATs will be direct."
        }
        (Some(EndpointIndependent), None) => {
            "Calls to most peers are likely to be direct; whom the NAT lets in is not known."
        }
        (Some(AddressDependent | AddressAndPortDependent), None) => {
            "Many calls will need a relay: the NAT maps each remote anew."
        }
        (None, _) => "Whether calls will be direct is not known; have a relay ready.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Why;

    // What each sentence claims is held against the simulator in tests/it/sentences.rs.
    #[test]
    fn the_whole_table() {
        let findings = || {
            let known = Behaviour::ALL.map(Finding::Known);
            known.into_iter().chain([Finding::Unknown(Why::Hidden)])
        };
        let first_words = |mapping: &_, filtering: &_| {
            let words: Vec<_> = sentence(mapping, filtering).split(' ').take(5).collect();
            words.join(" ")
        };
        let table: Vec<Vec<_>> = findings()
            .map(|mapping| findings().map(|filtering| first_words(&mapping, &filtering)).collect())
            .collect();
        let any = "Calls to peers behind any";
        let relay = "Two callers behind such NATs";
        let dark = "Whether calls will be direct";
        let expected = [
            [any, any, "Calls to most peers will", "Calls to most peers are"],
            [relay, relay, relay, "Many calls will need a"],
            [relay, relay, relay, "Many calls will need a"],
            [dark, dark, dark, dark],
        ];
        assert_eq!(table, expected);
        for unsupported in [Finding::Unsupported(Why::NoOtherAddress), Finding::NotAsked] {
            assert!(first_words(&unsupported, &unsupported).starts_with(dark));
        }
    }
}
