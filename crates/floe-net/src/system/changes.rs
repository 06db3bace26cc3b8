//! When the interfaces may have changed.

use std::time::Duration;

use futures::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

/// How often to look where the system does not tell.
const LOOK_EACH: Duration = Duration::from_secs(5);

/// Changes as the system tells them; where it does not, or not any more, one every [`LOOK_EACH`].
pub(super) fn watch() -> BoxStream<'static, ()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    match netlink::open() {
        Ok(socket) => return netlink::changes(socket).chain(looks()).boxed(),
        // Android forbids applications the socket from version 11 on.
        Err(error) => tracing::debug!(%error, "the system does not tell of changes of interfaces"),
    }
    looks().boxed()
}

/// The clock is asked for with the first poll: where the system tells, nobody needs it.
fn looks() -> impl futures::Stream<Item = ()> + Send {
    stream::unfold(None, |interval: Option<Interval>| async {
        let mut interval = interval.unwrap_or_else(|| {
            let mut interval = interval_at(Instant::now() + LOOK_EACH, LOOK_EACH);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        });
        interval.tick().await;
        Some(((), Some(interval)))
    })
}

/// The route socket of Linux, rtnetlink(7).
#[cfg(any(target_os = "linux", target_os = "android"))]
mod netlink {
    use std::{
        io,
        task::{Context, Poll},
    };

    use futures::stream::{self, Stream};
    use netlink_sys::{AsyncSocket as _, SocketAddr, TokioSocket, protocols::NETLINK_ROUTE};

    /// `RTMGRP_LINK`, `RTMGRP_IPV4_IFADDR` and `RTMGRP_IPV6_IFADDR`: interfaces that come, go, or get and lose their
    /// carrier; addresses that do, and IPv6 ones whose flags change.
    const GROUPS: u32 = 0x1 | 0x10 | 0x100;

    /// From now on the system keeps what it has to tell, until it is read.
    pub(super) fn open() -> io::Result<TokioSocket> {
        let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
        socket.socket_mut().bind(&SocketAddr::new(0, GROUPS))?;
        Ok(socket)
    }

    /// Ends where the socket is no longer any good.
    pub(super) fn changes(socket: TokioSocket) -> impl Stream<Item = ()> + Send {
        stream::poll_fn(move |cx| poll_change(&socket, cx))
    }

    /// The system had more to tell than the socket holds: whatever it was, it is a change.
    const ENOBUFS: i32 = 105;
    /// How many messages are taken for one change, should they come without end.
    const MAX_IN_A_ROW: usize = 1_024;

    /// One change for all that is there.
    fn poll_change(socket: &TokioSocket, cx: &mut Context<'_>) -> Poll<Option<()>> {
        let mut changed = false;
        for _ in 0..MAX_IN_A_ROW {
            match read(socket, cx) {
                Poll::Ready(Ok(())) => changed = true,
                Poll::Ready(Err(error)) if error.raw_os_error() == Some(ENOBUFS) => changed = true,
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                // An error comes again.
                Poll::Ready(Err(_)) | Poll::Pending if changed => return Poll::Ready(Some(())),
                Poll::Ready(Err(error)) => {
                    tracing::debug!(%error, "the system does not tell of changes of interfaces any more");
                    return Poll::Ready(None);
                }
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Some(()))
    }

    /// Takes one message; what it says is of no interest, so the system cuts it short.
    fn read(socket: &TokioSocket, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut start = [0; 16];
        socket.poll_recv(cx, &mut start.as_mut_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn where_the_system_does_not_tell_it_is_worth_a_look_every_5_s() {
        let (start, mut looks) = (Instant::now(), Box::pin(looks()));
        for number in 1..=3 {
            assert_eq!(looks.next().await, Some(()));
            assert_eq!(start.elapsed().as_secs(), 5 * number);
        }
    }
}
