//! The first request: whether the server answers at all, and what its answer says (RFC 5780 4.2; 4.3, test I).

use std::net::SocketAddr;

use floe_core::address::{Family, check_destination, unscoped};

use crate::{
    DiscoveryError, OtherAddressProblem, Why,
    question::{Failure, Other, Outcome, Reply},
    test::Scene,
};

/// What the tests build on, or why there will be none.
pub(crate) fn conclude(reply: &Reply, local: SocketAddr, mtu: u16) -> Result<Scene, DiscoveryError> {
    let server = unscoped(reply.question.to);
    match &reply.outcome {
        Outcome::Success(answer) => Ok(Scene {
            server: reply.question.to,
            local: unscoped(local),
            mapped: answer.mapped,
            plain: answer.plain,
            other: usable(answer.other, server),
            mtu,
        }),
        Outcome::Failed(Failure::Refused { code, reason }) => {
            Err(DiscoveryError::Refused { server, code: *code, reason: reason.clone() })
        }
        Outcome::Failed(Failure::Bad(problem)) => {
            Err(DiscoveryError::BadAnswer { server, problem: *problem })
        }
        Outcome::Failed(Failure::NoSocket(said)) => {
            Err(DiscoveryError::NoSocket { server, said: said.clone() })
        }
        Outcome::Failed(Failure::Silence) | Outcome::Echo(_) => Err(DiscoveryError::NoAnswer { server }),
    }
}

/// The second address, if the tests can be made with it: another IP address and another port (RFC 5780 6).
fn usable(other: Other, server: SocketAddr) -> Result<SocketAddr, Why> {
    let other = match other {
        Other::Missing => return Err(Why::NoOtherAddress),
        Other::Malformed => return Err(Why::OtherAddress { problem: OtherAddressProblem::Malformed }),
        Other::At(other) => other,
    };
    let problem = if Family::of(other.ip()) != Family::of(server.ip()) {
        OtherAddressProblem::OtherFamily
    } else if check_destination(other).is_err() {
        OtherAddressProblem::Unusable
    } else if other.ip() == server.ip() {
        OtherAddressProblem::SameAddress
    } else if other.port() == server.port() {
        OtherAddressProblem::SamePort
    } else {
        return Ok(other);
    };
    Err(Why::OtherAddress { problem })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_address_is_another_ip_and_another_port_of_the_same_family() {
        let server = "192.0.2.1:3478".parse().unwrap();
        let problem = |text: &str| match usable(Other::At(text.parse().unwrap()), server) {
            Err(Why::OtherAddress { problem }) => Some(problem),
            Err(other) => panic!("{other}"),
            Ok(_) => None,
        };
        assert_eq!(problem("192.0.2.2:3479"), None);
        assert_eq!(problem("192.0.2.1:3478"), Some(OtherAddressProblem::SameAddress));
        assert_eq!(problem("192.0.2.1:3479"), Some(OtherAddressProblem::SameAddress));
        assert_eq!(problem("192.0.2.2:3478"), Some(OtherAddressProblem::SamePort));
        assert_eq!(problem("[2001:db8::1]:3479"), Some(OtherAddressProblem::OtherFamily));
        for unusable in ["192.0.2.2:0", "0.0.0.0:3479", "224.0.0.1:3479", "255.255.255.255:3479"] {
            assert_eq!(problem(unusable), Some(OtherAddressProblem::Unusable), "{unusable}");
        }
        assert_eq!(usable(Other::Missing, server), Err(Why::NoOtherAddress));
        let malformed = Why::OtherAddress { problem: OtherAddressProblem::Malformed };
        assert_eq!(usable(Other::Malformed, server), Err(malformed));
    }
}
