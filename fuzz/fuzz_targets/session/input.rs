//! A plan, read byte by byte from what the fuzzer made up.

use std::net::SocketAddr;

/// What is left of the plan. Where it ends inside a command, the rest of that command is zeros.
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    /// The next command, or the end.
    pub fn command(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub fn byte(&mut self) -> u8 {
        self.command().unwrap_or(0)
    }

    pub fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    pub fn number<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }

    /// Up to 255 bytes, their count first.
    pub fn bytes(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte()).min(self.0.len());
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    /// An address that belongs to neither host, or one of theirs with a port that is not.
    pub fn strange_address(&mut self) -> SocketAddr {
        const ADDRESSES: [&str; 8] = [
            "203.0.113.9:40000",
            "203.0.113.9:40001",
            "192.0.2.1:9",
            "192.0.2.2:9",
            "[2001:db8::66]:40000",
            "[fe80::66]:40000",
            "224.0.0.1:5353",
            "0.0.0.0:0",
        ];
        ADDRESSES[self.below(ADDRESSES.len())].parse().expect("an address")
    }
}
