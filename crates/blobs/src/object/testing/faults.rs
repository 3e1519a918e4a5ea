//! What can go wrong on the way to a storage, and the script that says when it does.

use std::time::Duration;

/// What a request asks of the storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Asked {
    Put,
    Copy,
    /// A multipart to begin.
    Create,
    Part,
    CopyPart,
    Complete,
    Abort,
    Delete,
    Get,
    Head,
    List,
}

impl Asked {
    /// Reads it from a request in S3's words or Azure's; `copies` says whether it names a source within the storage.
    pub(super) fn of(method: &str, query: &str, copies: bool) -> Option<Self> {
        let has = |name: &str| query.split('&').any(|word| word.split('=').next() == Some(name));
        let is = |word: &str| query.split('&').any(|other| other == word);
        Some(match method {
            "PUT" if is("comp=block") => Self::Part,
            "PUT" if is("comp=blocklist") => Self::Complete,
            "POST" if is("comp=batch") => Self::Delete,
            "GET" if is("comp=list") => Self::List,
            "PUT" if has("partNumber") && copies => Self::CopyPart,
            "PUT" if has("partNumber") => Self::Part,
            "PUT" if copies => Self::Copy,
            "PUT" => Self::Put,
            "POST" if has("uploads") => Self::Create,
            "POST" if has("uploadId") => Self::Complete,
            "DELETE" if has("uploadId") => Self::Abort,
            "DELETE" => Self::Delete,
            "HEAD" => Self::Head,
            "GET" if has("list-type") => Self::List,
            "GET" => Self::Get,
            _ => return None,
        })
    }

    /// Whether such a request brings bytes.
    pub fn has_body(self) -> bool {
        matches!(self, Self::Put | Self::Part | Self::Complete)
    }
}

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request is not passed on. The answer has this status and, in S3's words, this code.
    Answer(u16, &'static str),
    /// The request is not passed on. The answer is 200 and nothing that a storage would say.
    Garbage,
    /// The request is not passed on. The answer is 404 and not the storage's own.
    Misrouted,
    /// Passed on after this time, even when nobody waits for it any more.
    Late(Duration),
    /// Not passed on, and never answered.
    Silence,
    /// Passed on, and never answered.
    SilenceAfter,
    /// Not passed on: the connection ends when the head is there.
    Cut,
    /// Not passed on: the connection is reset.
    Reset,
    /// The connection ends in the middle of the request's body; the storage sees as much.
    CutRequest,
    /// Passed on, and the connection ends without an answer.
    LoseAnswer,
    /// Half of the answer comes, and the connection ends.
    CutAnswer,
    /// Half of the answer comes, and then nothing.
    StallAnswer,
    /// Half of the answer comes, and says that it is the whole.
    ShortenAnswer,
}

impl Fault {
    /// Whether it can strike there, and be told from the truth. A HEAD has no body in which to say more, and of a removal
    /// only the status counts.
    pub fn can_be_noticed(self, asked: Asked) -> bool {
        match (self, asked) {
            (Self::Garbage | Self::Misrouted | Self::Answer(404, _), Asked::Head)
            | (Self::Garbage | Self::Answer(200, _), Asked::Delete | Asked::Abort) => false,
            (Self::CutRequest, _) => asked.has_body(),
            _ => true,
        }
    }
}

/// Which requests meet a fault.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    asked: Option<Asked>,
    within: &'static str,
    after: usize,
    times: usize,
    fault: Fault,
}

impl Rule {
    /// The next request of this kind.
    pub fn on(asked: Asked, fault: Fault) -> Self {
        Self { asked: Some(asked), ..Self::any(fault) }
    }

    /// The next request, whatever it asks.
    pub fn any(fault: Fault) -> Self {
        Self { asked: None, within: "", after: 0, times: 1, fault }
    }

    /// Only those whose key and query have this in them.
    #[must_use]
    pub fn within(self, within: &'static str) -> Self {
        Self { within, ..self }
    }

    /// Spares the first few.
    #[must_use]
    pub fn after(self, after: usize) -> Self {
        Self { after, ..self }
    }

    /// So many of them.
    #[must_use]
    pub fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    /// All of them, until the proxy is told to be calm.
    #[must_use]
    pub fn always(self) -> Self {
        self.times(usize::MAX)
    }

    fn strikes(&mut self, asked: Asked, target: &str) -> bool {
        if self.asked.is_some_and(|wanted| wanted != asked)
            || !target.contains(self.within)
            || self.times == 0
        {
            return false;
        }
        if self.after > 0 {
            self.after -= 1;
            return false;
        }
        self.times = self.times.saturating_sub(usize::from(self.times != usize::MAX));
        true
    }
}

/// Faults at random: the same seed deals the same ones to the same requests in the same order.
#[derive(Clone, Copy, Debug)]
pub struct Storm {
    pub seed: u64,
    /// Of all requests.
    pub percent: u64,
    pub faults: &'static [Fault],
}

impl Storm {
    fn strikes(&self, number: u64, asked: Asked) -> Option<Fault> {
        let dice = mixed(self.seed.wrapping_add(number));
        let at = usize::try_from((dice / 100) % self.faults.len().max(1) as u64).ok()?;
        let fault = *self.faults.get(at)?;
        (dice % 100 < self.percent && fault.can_be_noticed(asked)).then_some(fault)
    }
}

fn mixed(number: u64) -> u64 {
    let mut state = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    state ^ (state >> 31)
}

/// All rules, and what came of them.
#[derive(Debug, Default)]
pub(super) struct Script {
    pub(super) rules: Vec<Rule>,
    pub(super) storm: Option<Storm>,
    pub(super) seen: Vec<Asked>,
    pub(super) struck: usize,
    number: u64,
}

impl Script {
    /// What goes wrong with this request.
    pub(super) fn decide(&mut self, asked: Asked, target: &str) -> Option<Fault> {
        self.seen.push(asked);
        self.number += 1;
        let ruled = self.rules.iter_mut().find_map(|rule| rule.strikes(asked, target).then_some(rule.fault));
        let fault = ruled.or_else(|| self.storm?.strikes(self.number, asked));
        self.struck += usize::from(fault.is_some());
        fault
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_apart() {
        for (method, query, copies, asked) in [
            ("PUT", "", false, Asked::Put),
            ("PUT", "", true, Asked::Copy),
            ("PUT", "partNumber=1&uploadId=a", false, Asked::Part),
            ("PUT", "X-Amz-Date=1&partNumber=1&uploadId=a", true, Asked::CopyPart),
            ("POST", "uploads=", false, Asked::Create),
            ("POST", "uploads", false, Asked::Create),
            ("POST", "uploadId=a", false, Asked::Complete),
            ("DELETE", "uploadId=a", false, Asked::Abort),
            ("DELETE", "", false, Asked::Delete),
            ("GET", "list-type=2&prefix=a", false, Asked::List),
            ("GET", "", false, Asked::Get),
            ("HEAD", "", false, Asked::Head),
            ("PUT", "comp=block&blockid=YQ%3D%3D", false, Asked::Part),
            ("PUT", "comp=blocklist", false, Asked::Complete),
            ("POST", "restype=container&comp=batch", false, Asked::Delete),
            ("GET", "restype=container&comp=list&prefix=a", false, Asked::List),
        ] {
            assert_eq!(Asked::of(method, query, copies), Some(asked), "{method} {query}");
        }
    }

    #[test]
    fn a_rule_strikes_as_often_as_it_says_and_where_it_says() {
        let mut script = Script::default();
        script.rules.push(Rule::on(Asked::Put, Fault::Cut).within("/blobs/").after(1).times(2));
        let mut struck = |asked, key| script.decide(asked, key).is_some();
        assert!(!struck(Asked::Get, "/a/blobs/b"));
        assert!(!struck(Asked::Put, "/a/uploads/b"));
        let puts: Vec<bool> = (0..4).map(|_| struck(Asked::Put, "/a/blobs/b")).collect();
        assert_eq!(puts, [false, true, true, false]);
        assert_eq!((script.struck, script.seen.len()), (2, 6));
    }

    #[test]
    fn a_storm_is_the_same_for_the_same_seed() {
        let deal = |seed| {
            let faults = &[Fault::Cut, Fault::LoseAnswer, Fault::Answer(503, "SlowDown")];
            let storm = Some(Storm { seed, percent: 20, faults });
            let mut script = Script { storm, ..Script::default() };
            (0..500).map(|_| script.decide(Asked::Put, "")).collect::<Vec<_>>()
        };
        assert_eq!(deal(1), deal(1));
        assert_ne!(deal(1), deal(2));
        let struck = deal(3).iter().flatten().count();
        assert!((50..150).contains(&struck), "{struck} of 500");
    }
}
