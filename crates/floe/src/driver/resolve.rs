//! Finding servers by their names (RFC 5928): the session says what to ask the DNS, the network asks it.

use std::sync::Arc;

use floe_net::Net;
use floe_session::{Question, Resolution, Target};
use futures::{StreamExt as _, stream::FuturesUnordered};

/// Asks until enough is answered, several questions at a time.
pub(super) async fn resolve(
    net: Arc<dyn Net>,
    mut resolution: Box<Resolution>,
) -> Result<Vec<Target>, String> {
    let mut open = FuturesUnordered::new();
    loop {
        if let Some(result) = resolution.poll_result() {
            return result.map_err(|why| why.to_string());
        }
        while let Some(question) = resolution.poll_question() {
            open.push(ask(&*net, question));
        }
        match open.next().await {
            Some(answer) => answer(&mut resolution),
            None => return Err("there is nothing left to ask".to_owned()),
        }
    }
}

/// What hands in an answer.
type Answer = Box<dyn FnOnce(&mut Resolution) + Send>;

async fn ask(net: &dyn Net, question: Question) -> Answer {
    match question {
        Question::Naptr(name) => {
            let answer = net.lookup_naptr(&name).await.map_err(|error| error.to_string());
            Box::new(move |resolution| resolution.handle_naptr(&name, answer))
        }
        Question::Srv(name) => {
            let answer = net.lookup_srv(&name).await.map_err(|error| error.to_string());
            Box::new(move |resolution| resolution.handle_srv(&name, answer))
        }
        Question::Addresses(name) => {
            let answer = net.lookup_addresses(&name).await.map_err(|error| error.to_string());
            Box::new(move |resolution| resolution.handle_addresses(&name, answer))
        }
    }
}
