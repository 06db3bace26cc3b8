//! The blocks of a pcapng file (draft-ietf-opsawg-pcapng 4), little-endian.

use std::time::Duration;

/// LINKTYPE_RAW: packets begin with an IP header.
const RAW: u16 = 101;
/// The options used, by block: 4.2 and 4.3.
const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;
const COMMENT: u16 = 1;
const EPB_FLAGS: u16 = 2;

/// The block that every file begins with.
pub(super) fn section() -> Vec<u8> {
    let mut body = 0x1A2B_3C4D_u32.to_le_bytes().to_vec();
    body.extend([1, 0, 0, 0]); // version 1.0
    body.extend([0xFF; 8]); // of unknown length
    block(0x0A0D_0D0A, &body)
}

/// An interface with this name and times in nanoseconds.
pub(super) fn interface(name: &str) -> Vec<u8> {
    let mut body = RAW.to_le_bytes().to_vec();
    body.extend([0; 6]); // reserved, and no limit of length
    option(&mut body, IF_NAME, name.as_bytes());
    option(&mut body, IF_TSRESOL, &[9]);
    body.extend([0; 4]);
    block(1, &body)
}

/// A packet on an interface, so long after 1970.
pub(super) fn packet(interface: usize, at: Duration, inbound: bool, bytes: &[u8], comment: &str) -> Vec<u8> {
    let nanoseconds = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX).to_le_bytes();
    let [a, b, c, d, e, f, g, h] = nanoseconds;
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
    let mut body = u32::try_from(interface).unwrap_or(u32::MAX).to_le_bytes().to_vec();
    body.extend([e, f, g, h, a, b, c, d]); // the upper half first
    body.extend(length);
    body.extend(length);
    body.extend(bytes);
    pad(&mut body);
    option(&mut body, EPB_FLAGS, &(if inbound { 1_u32 } else { 2 }).to_le_bytes());
    if !comment.is_empty() {
        option(&mut body, COMMENT, comment.as_bytes());
    }
    body.extend([0; 4]);
    block(6, &body)
}

fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    body.extend(code.to_le_bytes());
    body.extend(u16::try_from(value.len()).unwrap_or(u16::MAX).to_le_bytes());
    body.extend(value);
    pad(body);
}

fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}

fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 12).unwrap_or(u32::MAX).to_le_bytes();
    [&kind.to_le_bytes(), length.as_slice(), body, &length].concat()
}
