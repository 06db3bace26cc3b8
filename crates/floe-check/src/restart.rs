//! ICE restart (RFC 8445 9): a stream begins anew, and its pairs in use stay so meanwhile.

use std::collections::BTreeSet;

use floe_core::{ComponentId, Credentials, PairId, StreamId};

use crate::{
    CheckSet,
    list::{CheckList, Former},
};

/// How many generations before the one that runs are still answered, besides those that pairs in use are of.
const FORMER: usize = 3;

impl CheckSet {
    /// Begins a stream anew with these components and credentials of this agent (RFC 8445 9). All that was known of it
    /// is void: candidates of both sides, pairs, checks under way, the peer's description; the role stays. The candidates
    /// have to be given again, also those whose base stays the same.
    ///
    /// The pairs in use stay in use, with consent and all, until [`Command::Use`](crate::Command::Use) names others:
    /// data goes on meanwhile. Requests that use the credentials of before are answered and change nothing, and data is
    /// still taken from where the peer was heard.
    ///
    /// Credentials that the stream has or had before are not new: then, and where there is no such stream, nothing
    /// changes.
    pub fn restart(&mut self, stream: StreamId, components: &[ComponentId], local: Credentials) {
        let Some(list) = self.lists.get(&stream) else { return };
        if list.key_of(local.ufrag()).is_some() {
            return;
        }
        let heard = self.heard_paths(stream);
        self.end_generation(stream);
        let Some(list) = self.lists.get_mut(&stream) else { return };
        let mut fresh = CheckList::new(components, local);
        fresh.former = std::mem::take(&mut list.former);
        let (ufrag, key) = (list.local.ufrag().into(), list.local_key.clone());
        fresh.former.push(Former { ufrag, key, heard });
        *list = fresh;
        self.role_changes = 0;
        self.trim_former(stream);
        self.tell_changed(stream);
    }

    fn heard_paths(&self, stream: StreamId) -> BTreeSet<(floe_core::BaseId, std::net::SocketAddr)> {
        let heard = self.pairs.iter().filter(|pair| pair.ends.stream == stream && pair.heard);
        heard.map(|pair| (pair.ends.base, pair.ends.to)).collect()
    }

    /// Voids what the stream has, but for the pairs in use.
    fn end_generation(&mut self, stream: StreamId) {
        self.transactions.retain(|check| check.stream != stream);
        let in_use: BTreeSet<PairId> = self.consents.in_use(stream).collect();
        let of_stream = self.pairs.iter().filter(|pair| pair.ends.stream == stream);
        let all: Vec<_> = of_stream.map(|pair| pair.id).collect();
        for id in all {
            self.nominations.remove(id);
            if in_use.contains(&id) {
                self.detach(id);
            } else {
                self.pairs.remove(id);
            }
        }
        let (locals, remotes) = self.ends_of_former(stream);
        self.locals.restart(stream, &locals);
        self.remotes.restart(stream, &remotes);
        // The user names that consent was lost with are used no more.
        let locals = &self.locals;
        self.consents
            .spent
            .retain(|(base, _), _| locals.base(*base).is_some_and(|base| base.stream != stream));
        let locals = &self.locals;
        self.remotes.forget_crowds(|base| locals.base(base).is_none_or(|base| base.stream == stream));
    }

    fn detach(&mut self, id: PairId) {
        self.pairs.detach(id);
        if let Some(pair) = self.pairs.get_mut(id) {
            pair.transaction = None;
            pair.nominating = false;
            pair.nominate_when_valid = false;
        }
    }

    /// The candidates that pairs of former generations are made of.
    fn ends_of_former(
        &self,
        stream: StreamId,
    ) -> (BTreeSet<crate::candidates::LocalId>, BTreeSet<crate::candidates::RemoteId>) {
        let former = self.pairs.iter().filter(|pair| pair.ends.stream == stream && pair.is_former());
        former.map(|pair| (pair.ends.local, pair.ends.remote)).unzip()
    }

    /// Forgets a pair of a former generation that data does not go over any more.
    pub(crate) fn forget_former(&mut self, id: PairId) {
        let Some(pair) = self.pairs.get(id).filter(|pair| pair.is_former()) else { return };
        let stream = pair.ends.stream;
        if self.consents.in_use(stream).any(|in_use| in_use == id) {
            return;
        }
        self.pairs.remove(id);
        let (locals, remotes) = self.ends_of_former(stream);
        self.locals.forget_unused(stream, &locals);
        self.remotes.forget_unused(stream, &remotes);
    }

    /// The oldest names go, but for those that a pair in use goes by.
    fn trim_former(&mut self, stream: StreamId) {
        let Some(list) = self.lists.get_mut(&stream) else { return };
        let old = list.former.len().saturating_sub(FORMER);
        let mut number = 0;
        list.former.retain(|former| {
            number += 1;
            number > old || self.consents.uses(&former.ufrag)
        });
    }

    /// Whether the pair is of the generation before a restart, and still in use.
    #[must_use]
    pub fn is_former(&self, pair: PairId) -> bool {
        self.pairs.get(pair).is_some_and(crate::pair::Pair::is_former)
    }
}
