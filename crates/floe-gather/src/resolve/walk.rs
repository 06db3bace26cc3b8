//! The way from the URI to addresses, over what is known.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
};

use floe_core::{
    ServerTransport, address,
    dns::{NaptrRecord, SrvRecord},
};

use super::{Question, ResolveError, known::Known, naptr, naptr::Step, plan::Plan};
use crate::{Host, Target};

/// How many addresses are tried at most.
const MAX_TARGETS: usize = 32;
/// How many NAPTR records may lead from one to the next.
const MAX_CHAIN: usize = 8;

/// One look at what is known: which addresses that makes, and what else is to be known.
///
/// It begins anew with each answer. That costs little, for all is bounded, and there is no half-way state to go wrong.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    plan: &'a Plan,
    known: &'a Known,
    targets: Vec<Target>,
    /// The first thing that went wrong: what is told where no address is found.
    failure: Option<ResolveError>,
    /// What was gone into, with the port where it matters.
    seen: BTreeSet<(Question, u16, ServerTransport)>,
    pub(super) missing: BTreeSet<Question>,
    pub(super) outcome: Result<Vec<Target>, ResolveError>,
}

impl<'a> Walk<'a> {
    pub(super) fn over(plan: &'a Plan, known: &'a Known) -> Self {
        let (targets, failure, seen, missing) = (Vec::new(), None, BTreeSet::new(), BTreeSet::new());
        let mut walk = Self { plan, known, targets, failure, seen, missing, outcome: Ok(Vec::new()) };
        walk.start();
        let targets = std::mem::take(&mut walk.targets);
        let failure = walk.failure.take().unwrap_or(ResolveError::NoTransport);
        walk.outcome = if targets.is_empty() { Err(failure) } else { Ok(targets) };
        walk
    }

    /// The steps of RFC 5928 3.
    fn start(&mut self) {
        let plan = self.plan;
        let port_for = |transport: ServerTransport| plan.uri.port().unwrap_or(transport.default_port());
        match plan.uri.host() {
            Host::Ip(ip) => {
                for transport in &plan.transports {
                    self.found(&ip.to_string(), *ip, port_for(*transport), *transport);
                }
            }
            Host::Name(name) if plan.uri.port().is_some() => {
                for transport in &plan.transports {
                    self.addresses(name, port_for(*transport), *transport);
                }
            }
            Host::Name(name) if plan.by_naptr.is_empty() => self.services(name),
            Host::Name(name) => self.relays(name),
        }
    }

    /// Step 4, and step 5 where the domain has no such records, or does not tell.
    fn relays(&mut self, name: &'a str) {
        let (plan, known) = (self.plan, self.known);
        let Some(answer) = known.naptr_of(name) else { return self.ask(Question::Naptr(name.to_owned())) };
        // RFC 5928 3: a failure here is as good as no records.
        let records = answer.as_deref().unwrap_or_default();
        if !records.iter().any(naptr::is_relay) {
            return self.services(name);
        }
        let ranked = naptr::ranked(records, &plan.by_naptr);
        if ranked.is_empty() {
            self.failed(ResolveError::NotOffered(name.to_owned()));
        }
        for transport in ranked {
            self.follow(name, records, transport, &mut vec![name]);
        }
    }

    /// The records of one transport, from domain to domain.
    fn follow(
        &mut self,
        name: &'a str,
        records: &'a [NaptrRecord],
        transport: ServerTransport,
        way: &mut Vec<&'a str>,
    ) {
        for record in records.iter().filter(|record| naptr::offers(record, transport)) {
            let next = &*record.replacement;
            match naptr::step(record) {
                Some(Step::Naptr) => self.next(next, transport, way),
                Some(Step::Srv) if self.service(next, transport) => {}
                Some(Step::Addresses) => self.addresses(next, transport.default_port(), transport),
                Some(Step::Srv) | None => self.failed(ResolveError::NotOffered(name.to_owned())),
            }
        }
    }

    fn next(&mut self, name: &'a str, transport: ServerTransport, way: &mut Vec<&'a str>) {
        if way.contains(&name) {
            return self.failed(ResolveError::Circle(name.to_owned()));
        }
        if way.len() >= MAX_CHAIN {
            return self.failed(ResolveError::TooFar(name.to_owned()));
        }
        let question = Question::Naptr(name.to_owned());
        match self.known.naptr_of(name) {
            None => self.ask(question),
            Some(Err(why)) => self.failed(ResolveError::Lookup { question, why: why.clone() }),
            Some(Ok(_)) if !self.is_new(question, 0, transport) => {}
            Some(Ok(records)) => {
                if !records.iter().any(|record| naptr::offers(record, transport)) {
                    self.failed(ResolveError::NotOffered(name.to_owned()));
                }
                way.push(name);
                self.follow(name, records, transport, way);
                way.pop();
            }
        }
    }

    /// Steps 3 and 5, and RFC 8489 8.1. The host itself is taken only where it has SRV records for no transport at all: one
    /// that announces UDP and not TCP has no TCP.
    fn services(&mut self, name: &str) {
        let plan = self.plan;
        let mut any = false;
        for transport in &plan.transports {
            any |= self.service(&plan.service(*transport, name), *transport);
        }
        if !any {
            for transport in &plan.transports {
                self.addresses(name, transport.default_port(), *transport);
            }
        }
    }

    /// The hosts of SRV records. `false`: there is no such record, or the DNS does not tell.
    fn service(&mut self, name: &str, transport: ServerTransport) -> bool {
        let question = Question::Srv(name.to_owned());
        let records = match self.known.srv_of(name) {
            None => {
                self.ask(question);
                return true;
            }
            Some(answer) => answer.as_deref().unwrap_or_default(),
        };
        if self.is_new(question, 0, transport) {
            for record in records {
                self.host(name, record, transport);
            }
        }
        !records.is_empty()
    }

    /// RFC 2782: a service without a host is one that the domain does not have, and nothing else is to be tried for it.
    fn host(&mut self, service: &str, record: &SrvRecord, transport: ServerTransport) {
        if record.target.is_empty() {
            return self.failed(ResolveError::NotOffered(service.to_owned()));
        }
        self.addresses(&record.target, record.port, transport);
    }

    fn addresses(&mut self, name: &str, port: u16, transport: ServerTransport) {
        let question = Question::Addresses(name.to_owned());
        match self.known.addresses_of(name) {
            None => self.ask(question),
            Some(Err(why)) => self.failed(ResolveError::Lookup { question, why: why.clone() }),
            Some(Ok(ips)) if ips.is_empty() => self.failed(ResolveError::NoAddress(name.to_owned())),
            Some(Ok(ips)) => {
                if self.is_new(question, port, transport) {
                    ips.iter().for_each(|ip| self.found(name, *ip, port, transport));
                }
            }
        }
    }

    fn found(&mut self, name: &str, ip: IpAddr, port: u16, transport: ServerTransport) {
        let address = SocketAddr::new(ip, port);
        if let Err(why) = address::check_destination(address) {
            return self.failed(ResolveError::BadAddress(name.to_owned(), why));
        }
        let target = self.plan.target(address, transport);
        if self.targets.len() < MAX_TARGETS && !self.targets.contains(&target) {
            self.targets.push(target);
        }
    }

    fn ask(&mut self, question: Question) {
        self.missing.insert(question);
    }

    /// Whether this was not gone into before: by two ways to one place, what it leads to is found already.
    fn is_new(&mut self, question: Question, port: u16, transport: ServerTransport) -> bool {
        self.seen.insert((question, port, transport))
    }

    fn failed(&mut self, why: ResolveError) {
        self.failure.get_or_insert(why);
    }
}
