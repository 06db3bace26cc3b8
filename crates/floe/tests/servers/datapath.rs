//! What a relayed datagram costs on the sending side: no allocation, and no copy of the payload.

use std::{sync::Arc, time::Duration};

use floe::Role;

use crate::{
    relay::{Filter, serve},
    spy::Spy,
    support::{LIMIT, connect, receive, relayed},
};

/// The length of a ChannelData header (RFC 8656 12.4).
const CHANNEL_HEADER: usize = 4;
/// A STUN header, XOR-PEER-ADDRESS with an IPv4 address, and the header of DATA (RFC 8656 11.1).
const INDICATION_HEADER: usize = 20 + 12 + 4;

/// A ChannelBind request (RFC 8656 18).
fn is_no_channel_bind(datagram: &[u8]) -> bool {
    !datagram.starts_with(&[0x00, 0x09])
}

/// How often the heap was asked for memory meanwhile.
fn allocations(run: impl FnOnce()) -> u64 {
    allocation_counter::measure(run).count_total
}

async fn assert_free(passes: Filter, header: usize) {
    let server = serve(passes).await;
    let spy = Arc::new(Spy::default());
    let log = Arc::clone(&spy.log);
    let (one, other) = (
        relayed(Role::Controlling, spy, server),
        relayed(Role::Controlled, Arc::new(Spy::default()), server),
    );
    let (to_other, to_one) = connect(&one, &other).await;
    // Until a channel is bound, if one will be.
    let settled = async {
        loop {
            to_other.send(b"?").await.unwrap();
            if log.last()[0].1 == header {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, settled).await.expect("data goes as expected");
    for length in [1, 2, 3, 1200] {
        let payload = vec![0xd5; length];
        let before = log.in_parts();
        let counted = allocations(|| to_other.try_send(&payload).unwrap());
        assert_eq!(counted, 0, "{length} bytes");
        assert_eq!(log.in_parts(), before + 1, "one datagram, in parts");
        let [(_, front), data, (_, padding)] = log.last();
        assert_eq!(data, (payload.as_ptr() as usize, length), "the caller's own buffer");
        // Over UDP only an indication is padded (RFC 8656 12.5).
        let expected = if header == CHANNEL_HEADER { 0 } else { length.wrapping_neg() % 4 };
        assert_eq!((front, padding), (header, expected));
        assert_eq!(log.last_port(), usize::from(server.port()));
        while receive(&to_one).await != payload {}
    }
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(vec![0_u8; 100]))), 1);
}

#[tokio::test]
async fn a_datagram_by_channel_is_neither_copied_nor_allocated_for() {
    assert_free(|_| true, CHANNEL_HEADER).await;
}

#[tokio::test]
async fn a_datagram_by_indication_is_neither_copied_nor_allocated_for() {
    assert_free(is_no_channel_bind, INDICATION_HEADER).await;
}
