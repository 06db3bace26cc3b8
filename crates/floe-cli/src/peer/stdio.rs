//! Standard input and output as bounded channels of lines.
//!
//! Each has a thread of its own, since neither can be read or written without blocking. The program ends without
//! waiting for the one that reads.

use std::{
    io::{self, BufRead, BufWriter, Write},
    thread::JoinHandle,
};

use tokio::sync::mpsc;

use super::input::MAX_LINE_LENGTH;

/// How many lines wait in each direction. Past that the writer of lines waits, and what came in for it is counted
/// where it is dropped: in the agent.
const WAITING_LINES: usize = 256;

/// The lines of standard input with their numbers, from 1; the channel closes at its end.
pub(crate) fn read_lines() -> io::Result<mpsc::Receiver<(u64, Vec<u8>)>> {
    let (sender, receiver) = mpsc::channel(WAITING_LINES);
    let read = move || {
        let mut stdin = io::stdin().lock();
        for number in 1.. {
            let line = match read_line(&mut stdin) {
                Ok(Some(line)) => line,
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(%error, "standard input cannot be read");
                    break;
                }
            };
            if sender.blocking_send((number, line)).is_err() {
                break;
            }
        }
    };
    std::thread::Builder::new().name("stdin".to_owned()).spawn(read)?;
    Ok(receiver)
}

/// A channel of lines to standard output, and the thread that writes them. It ends when the channel closes and all
/// lines are out, or when standard output fails.
pub(crate) fn write_lines() -> io::Result<(mpsc::Sender<String>, JoinHandle<io::Result<()>>)> {
    let (sender, receiver) = mpsc::channel(WAITING_LINES);
    let write = move || write_all_lines(receiver, BufWriter::new(io::stdout().lock()));
    let thread = std::thread::Builder::new().name("stdout".to_owned()).spawn(write)?;
    Ok((sender, thread))
}

fn write_all_lines(mut lines: mpsc::Receiver<String>, mut out: impl Write) -> io::Result<()> {
    while let Some(line) = lines.blocking_recv() {
        out.write_all(line.as_bytes())?;
        out.write_all(b"\n")?;
        // Whoever reads must not wait for a line that nobody completes; a burst goes out in one piece.
        if lines.is_empty() {
            out.flush()?;
        }
    }
    out.flush()
}

/// The next line without its end; `None` at the end of the input. Of a line that is too long, one byte more than
/// allowed is kept, so that it is refused, and the rest is skipped.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let mut seen = false;
    loop {
        let buffer = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        if buffer.is_empty() {
            return Ok(seen.then_some(line));
        }
        seen = true;
        let end = buffer.iter().position(|&byte| byte == b'\n');
        let piece = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or_default();
        let room = (MAX_LINE_LENGTH + 1).saturating_sub(line.len());
        line.extend_from_slice(piece.get(..room).unwrap_or(piece));
        let used = piece.len() + usize::from(end.is_some());
        input.consume(used);
        if end.is_some() {
            return Ok(Some(line));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn lines(text: &[u8]) -> Vec<Vec<u8>> {
        // A small buffer, so that lines cross its edges.
        let mut input = BufReader::with_capacity(7, text);
        std::iter::from_fn(|| read_line(&mut input).unwrap()).collect()
    }

    #[test]
    fn lines_end_at_their_newline_or_at_the_end() {
        assert_eq!(lines(b"one\n\nthree, longer\nfour"), [&b"one"[..], b"", b"three, longer", b"four"]);
        assert_eq!(lines(b"one\n"), [b"one"]);
        assert_eq!(lines(b""), [b""; 0]);
    }

    #[test]
    fn a_line_without_end_takes_no_more_memory_than_allowed() {
        let mut text = vec![b'x'; 3 * MAX_LINE_LENGTH];
        text.extend_from_slice(b"\nnext\n");
        let lines = lines(&text);
        assert_eq!(lines.iter().map(Vec::len).collect::<Vec<_>>(), [MAX_LINE_LENGTH + 1, 4]);
    }

    #[test]
    fn all_lines_are_out_when_the_channel_closes() {
        let (sender, receiver) = mpsc::channel(4);
        for line in ["a", "b", "c"] {
            sender.blocking_send(line.to_owned()).unwrap();
        }
        drop(sender);
        let mut out = Vec::new();
        write_all_lines(receiver, &mut out).unwrap();
        assert_eq!(out, b"a\nb\nc\n");
    }
}
