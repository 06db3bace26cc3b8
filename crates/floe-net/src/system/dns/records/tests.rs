use std::net::{Ipv4Addr, SocketAddr};

use hickory_resolver::{
    config::{ConnectionConfig, NameServerConfig, ResolverConfig},
    net::runtime::TokioRuntimeProvider,
    proto::{
        op::{Message, ResponseCode},
        rr::{Record, rdata::NAPTR},
    },
};
use tokio::{net::UdpSocket, task::AbortHandle};

use super::*;

/// What a server of the DNS has to say about a name.
fn zone(name: &str) -> Result<Vec<RData>, ResponseCode> {
    let whole = |name: &str| Name::from_utf8(name).unwrap();
    match name {
        "_turn._udp.example.org." => Ok(vec![
            RData::SRV(rdata::SRV::new(1, 2, 3478, whole("a.example.org."))),
            RData::SRV(rdata::SRV::new(3, 4, 5000, Name::root())),
        ]),
        "example.org." => Ok(vec![RData::NAPTR(NAPTR::new(
            100,
            10,
            b"S".to_vec().into_boxed_slice(),
            b"RELAY:turn.udp".to_vec().into_boxed_slice(),
            Box::default(),
            whole("_turn._udp.example.org."),
        ))]),
        "empty.example.org." => Ok(Vec::new()),
        "broken.example.org." => Err(ResponseCode::ServFail),
        _ => Err(ResponseCode::NXDomain),
    }
}

/// A server, and who asks it.
async fn server() -> (TokioResolver, AbortHandle) {
    let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = udp.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let mut buffer = [0; 4096];
        loop {
            let (length, from) = udp.recv_from(&mut buffer).await.unwrap();
            let answer = answer(&Message::from_vec(&buffer[..length]).unwrap());
            udp.send_to(&answer.to_vec().unwrap(), from).await.unwrap();
        }
    });
    (resolver_of(address), task.abort_handle())
}

fn answer(question: &Message) -> Message {
    let mut answer = question.clone().into_response();
    let query = &question.queries[0];
    match zone(&query.name().to_ascii()) {
        Ok(records) => {
            let record = |data| Record::from_rdata(query.name().clone(), 60, data);
            answer.answers = records.into_iter().map(record).collect();
        }
        Err(code) => answer.metadata.response_code = code,
    }
    answer
}

fn resolver_of(address: SocketAddr) -> TokioResolver {
    let mut server = NameServerConfig::udp(address.ip());
    server.connections = vec![ConnectionConfig::udp()];
    server.connections[0].port = address.port();
    // The domain that is searched must have no part in it.
    let domain = Name::from_utf8("example.org.").ok();
    let config = ResolverConfig::from_parts(domain, Vec::new(), vec![server]);
    TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()).build().unwrap()
}

#[tokio::test]
async fn records_are_read_as_they_are() {
    let (resolver, task) = server().await;
    let found = lookup(&resolver, "_turn._udp.example.org", RecordType::SRV).await.unwrap();
    let found: Vec<_> = found.into_iter().filter_map(srv_record).collect();
    let record = |priority, weight, port, target: &str| SrvRecord {
        priority,
        weight,
        port,
        target: target.to_owned(),
    };
    assert_eq!(found, [record(1, 2, 3478, "a.example.org"), record(3, 4, 5000, "")]);

    let found = lookup(&resolver, "example.org", RecordType::NAPTR).await.unwrap();
    let found: Vec<_> = found.into_iter().filter_map(naptr_record).collect();
    let expected = NaptrRecord {
        order: 100,
        preference: 10,
        flags: "S".to_owned(),
        services: "RELAY:turn.udp".to_owned(),
        regexp: String::new(),
        replacement: "_turn._udp.example.org".to_owned(),
    };
    assert_eq!(found, [expected]);
    task.abort();
}

#[tokio::test]
async fn no_record_is_an_answer_and_a_broken_server_is_none() {
    let (resolver, task) = server().await;
    for name in ["empty.example.org", "nowhere.example.org", "a.example"] {
        assert_eq!(lookup(&resolver, name, RecordType::SRV).await.unwrap(), Vec::new(), "{name}");
    }
    let error = lookup(&resolver, "broken.example.org", RecordType::SRV).await.unwrap_err();
    assert!(error.to_string().to_lowercase().contains("serv"), "{error}");
    assert!(lookup(&resolver, "a..b", RecordType::SRV).await.is_err());
    task.abort();
}
