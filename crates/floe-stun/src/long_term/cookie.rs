//! What a nonce says of its server (RFC 8489 9.2, 18.1).

/// How the nonce of a server of RFC 8489 begins.
const PREFIX: &str = "obMatJos2";
/// The digits of base64, in the order of their values.
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// How many digits the 24 features take.
const LENGTH: usize = 4;

/// The security features of a server, as the cookie at the beginning of its nonces tells them.
///
/// Who changes a nonce on the way has it refused, so that nobody can hide a feature (RFC 8489 9.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SecurityFeatures {
    /// Bit 0: the server offers PASSWORD-ALGORITHMS.
    pub password_algorithms: bool,
    /// Bit 1: the server knows users by USERHASH.
    pub username_anonymity: bool,
}

impl SecurityFeatures {
    const ALGORITHMS: u32 = 1 << 23;
    const ANONYMITY: u32 = 1 << 22;

    /// Those of the server that made this nonce; `None` where it has no cookie, as those of older servers.
    #[must_use]
    pub fn of_nonce(nonce: &str) -> Option<Self> {
        let digits = nonce.strip_prefix(PREFIX)?.as_bytes().get(..LENGTH)?;
        let mut bits: u32 = 0;
        for digit in digits {
            let value = DIGITS.iter().position(|known| known == digit)?;
            bits = bits << 6 | u32::try_from(value).ok()?;
        }
        Some(Self {
            password_algorithms: bits & Self::ALGORITHMS != 0,
            username_anonymity: bits & Self::ANONYMITY != 0,
        })
    }

    /// The cookie: how the nonces of a server with these features begin.
    #[must_use]
    pub fn to_cookie(self) -> String {
        let algorithms = if self.password_algorithms { Self::ALGORITHMS } else { 0 };
        let anonymity = if self.username_anonymity { Self::ANONYMITY } else { 0 };
        let bits = algorithms | anonymity;
        let digits = [18, 12, 6, 0].map(|shift| {
            let value = usize::try_from(bits >> shift & 0x3F).unwrap_or_default();
            char::from(DIGITS.get(value).copied().unwrap_or(b'A'))
        });
        PREFIX.chars().chain(digits).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves: 8489-9.2-a
    #[test]
    fn the_first_bits_of_the_cookie_are_the_features_and_a_short_or_odd_nonce_has_none() {
        for (text, password_algorithms, username_anonymity) in
            [("AAAA", false, false), ("gAAA", true, false), ("QAAA", false, true), ("wAAA", true, true)]
        {
            let features = SecurityFeatures { password_algorithms, username_anonymity };
            let cookie = format!("obMatJos2{text}");
            assert_eq!(features.to_cookie(), cookie);
            assert_eq!(SecurityFeatures::of_nonce(&cookie), Some(features));
            assert_eq!(SecurityFeatures::of_nonce(&format!("{cookie}f//499k")), Some(features));
        }
        // Bits without a meaning yet do not disturb.
        let both = SecurityFeatures { password_algorithms: true, username_anonymity: true };
        assert_eq!(SecurityFeatures::of_nonce("obMatJos2////"), Some(both));
        for nonce in ["", "obMatJos2", "obMatJos2gAA", "obMatJos2gA=A", "obmatjos2gAAA", "xobMatJos2gAAA"] {
            assert_eq!(SecurityFeatures::of_nonce(nonce), None, "{nonce}");
        }
        assert_eq!(SecurityFeatures::of_nonce("obMatJos2gA\u{e9}A"), None, "no digit");
    }
}
