//! A peer that knows the passwords and does not keep to the standard.

use floe_core::Credentials;
use floe_stun::attribute::{
    AttributeType, ErrorCode, IceControlled, IceControlling, Nomination, Priority, RawAttribute,
    UseCandidate, Username, XorMappedAddress,
};
use floe_stun::{Class, Key, Message, MessageWriter, Method, TransactionId, WriteError};

use crate::input::Input;
use crate::listening;
use crate::world::{Datagram, World};

/// A signed check, or another signed request or indication, with any of the attributes of a check.
pub fn request(world: &mut World, input: &mut Input<'_>) {
    let side = usize::from(input.flag());
    let own = world.sides[side].credentials();
    let peer = world.sides[side].told.clone().unwrap_or_else(|| world.sides[1 - side].credentials());
    let place = input.byte();
    let from = if place & 1 == 0 { input.strange_address() } else { listening(world, 1 - side, place) };
    let mut buffer = [0; 1024];
    let Ok(length) = write_request(&mut buffer, input, &own, &peer) else { return };
    let data = buffer[..length].to_vec().into();
    let _ = world.deliver(&Datagram { from, to: listening(world, side, place), data });
}

fn write_request(
    buffer: &mut [u8],
    input: &mut Input<'_>,
    own: &Credentials,
    peer: &Credentials,
) -> Result<usize, WriteError> {
    let what = input.byte();
    let class = if what & 1 == 0 { Class::Request } else { Class::Indication };
    let method = if what & 2 == 0 { Method::BINDING } else { Method::new(0x003).expect("a method") };
    let id = TransactionId::new(input.number());
    let username = format!("{}:{}", own.ufrag(), peer.ufrag());
    let tie_breaker = u64::from_be_bytes(input.number());
    let unknown =
        RawAttribute { kind: AttributeType::new(u16::from_be_bytes(input.number())), value: &[7; 5] };
    let mut writer = MessageWriter::new(buffer, class, method, id)?
        .optional((what & 4 == 0).then_some(&Username::new(&username)))?
        .optional((what & 8 == 0).then_some(&Priority::new(u32::from_be_bytes(input.number()))))?
        .optional((what & 16 != 0).then_some(&UseCandidate))?
        .optional((what & 32 != 0).then_some(&IceControlling::new(tie_breaker)))?
        .optional((what & 64 != 0).then_some(&IceControlled::new(tie_breaker)))?;
    if what & 128 != 0 {
        writer = writer.attribute(&unknown)?.attribute(&Nomination::new(u32::from(what)))?;
    }
    writer.integrity(&Key::short_term(own.pwd()))?.fingerprint().map(MessageWriter::finish)
}

/// A signed answer to a check under way: from where it went or elsewhere, of any mapped address or error.
pub fn response(world: &mut World, input: &mut Input<'_>) {
    if world.flying.is_empty() {
        return;
    }
    let asked = world.flying[input.below(world.flying.len())].clone();
    let Ok(message) = Message::parse(&asked.data) else { return };
    let Some(sender) = world.sides.iter().find(|side| side.open.values().any(|own| *own == asked.from))
    else {
        return;
    };
    let Some(peer) = sender.told.clone() else { return };
    let mut buffer = [0; 1024];
    let Ok(length) = write_response(&mut buffer, input, message.transaction_id(), &peer) else { return };
    let from = if input.flag() { input.strange_address() } else { asked.to };
    let _ = world.deliver(&Datagram { from, to: asked.from, data: buffer[..length].to_vec().into() });
}

fn write_response(
    buffer: &mut [u8],
    input: &mut Input<'_>,
    id: TransactionId,
    peer: &Credentials,
) -> Result<usize, WriteError> {
    const CODES: [u16; 6] = [300, 400, 401, 420, 487, 500];
    let what = input.byte();
    let class = if what & 1 == 0 { Class::Success } else { Class::Error };
    let code = ErrorCode::new(CODES[usize::from(what >> 1 & 7) % CODES.len()], "so there");
    MessageWriter::new(buffer, class, Method::BINDING, id)?
        .optional((what & 16 == 0).then(|| XorMappedAddress(input.strange_address())).as_ref())?
        .optional((class == Class::Error && what & 32 == 0).then_some(&code))?
        .integrity(&Key::short_term(peer.pwd()))?
        .fingerprint()
        .map(MessageWriter::finish)
}
