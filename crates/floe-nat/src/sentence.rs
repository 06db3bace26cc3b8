//! What it means, for a person.

use crate::{Behaviour, Finding, Report, Translation};

impl Report {
    /// What it means for calls, in a sentence or two.
    #[must_use]
    pub fn sentence(&self) -> &'static str {
        sentence(self.translation, &self.mapping, &self.filtering)
    }
}

fn sentence(
    translation: Translation,
    mapping: &Finding<Behaviour>,
    filtering: &Finding<Behaviour>,
) -> &'static str {
    use Behaviour::{AddressAndPortDependent, AddressDependent, EndpointIndependent};
    match (mapping.known(), filtering.known()) {
        (Some(EndpointIndependent), Some(EndpointIndependent)) if translation == Translation::None => {
            "This host is reached directly: calls will be direct, as far as the peer's side allows."
        }
        _ => "",
    }
}
