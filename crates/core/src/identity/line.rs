//! Who is next of those who wait, and who is sent away when there are too many. Knows nothing of what they wait for.
//!
//! It goes round: by site, in a site by network, in a network by who came first. So whoever comes from where few wait is
//! next or nearly next, however many wait elsewhere. And when the line is full, it is not the newcomer who goes, but the
//! last one of those who are many.

use super::damping::network;
use std::collections::VecDeque;
use std::net::IpAddr;

/// So many wait; that is a matter of seconds.
pub(super) const WAITING: usize = 256;
/// So many of them come from one network.
pub(super) const OF_ONE_NETWORK: usize = WAITING / 2;

/// Where somebody comes from. Whoever has one network of a site can easily have others of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Whence {
    site: String,
    network: String,
}

/// Those who wait.
pub(super) struct Line<T> {
    sites: VecDeque<Site<T>>,
    /// Who came last.
    newest: u64,
}

struct Site<T> {
    name: String,
    networks: VecDeque<Network<T>>,
}

struct Network<T> {
    name: String,
    waiting: VecDeque<(u64, T)>,
}

/// Somebody's place in the line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Joined<T> {
    pub(super) ticket: u64,
    /// Who had to go for them.
    pub(super) sent_away: Option<T>,
}

impl From<IpAddr> for Whence {
    /// A /24 of IPv4, or a /48 of IPv6, is a site.
    fn from(address: IpAddr) -> Self {
        let site = match address.to_canonical() {
            IpAddr::V4(address) => {
                let [a, b, c, _] = address.octets();
                format!("{a}.{b}.{c}.0/24")
            }
            IpAddr::V6(address) => {
                let [a, b, c, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}::/48")
            }
        };
        Self { site, network: network(address) }
    }
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self { sites: VecDeque::new(), newest: 0 }
    }
}

impl<T> Line<T> {
    /// Takes somebody in, unless there is no room for them.
    pub(super) fn join(&mut self, from: &Whence, who: T) -> Option<Joined<T>> {
        if self.of_network(from) >= OF_ONE_NETWORK {
            return None;
        }
        let is_full = self.sites.iter().map(Site::len).sum::<usize>() >= WAITING;
        let sent_away = if is_full { Some(self.make_room(from)?) } else { None };
        self.newest += 1;
        let ticket = self.newest;
        self.network(from).waiting.push_back((ticket, who));
        Some(Joined { ticket, sent_away })
    }

    /// Whose turn it is; they are in the line no more.
    pub(super) fn next(&mut self) -> Option<T> {
        let mut site = self.sites.pop_front()?;
        let mut network = site.networks.pop_front()?;
        let (_, who) = network.waiting.pop_front()?;
        if !network.waiting.is_empty() {
            site.networks.push_back(network);
        }
        if !site.networks.is_empty() {
            self.sites.push_back(site);
        }
        Some(who)
    }

    /// Somebody waits no longer, if they still did.
    pub(super) fn leave(&mut self, ticket: u64) {
        for site in &mut self.sites {
            for network in &mut site.networks {
                network.waiting.retain(|(other, _)| *other != ticket);
            }
        }
        self.tidy();
    }

    /// Sends the newest away of the network with the most in the site with the most, if it would still have no fewer than
    /// the newcomer's. Where that is the newcomer's own site, its networks are compared.
    fn make_room(&mut self, from: &Whence) -> Option<T> {
        let of_network = self.of_network(from);
        let own = self.sites.iter().position(|site| site.name == from.site);
        let of_site = own.map_or(0, |own| self.sites[own].len());
        let fullest = (0..self.sites.len()).max_by_key(|index| self.sites[*index].len())?;
        let is_smaller = of_site + 1 < self.sites[fullest].len();
        let site = self.sites.get_mut(if is_smaller { fullest } else { own? })?;
        let network = site.networks.iter_mut().max_by_key(|network| network.waiting.len())?;
        if site.name == from.site && of_network + 1 >= network.waiting.len() {
            return None;
        }
        let (_, sent_away) = network.waiting.pop_back()?;
        self.tidy();
        Some(sent_away)
    }

    fn of_network(&self, from: &Whence) -> usize {
        let site = self.sites.iter().find(|site| site.name == from.site);
        let network = site.and_then(|site| site.networks.iter().find(|network| network.name == from.network));
        network.map_or(0, |network| network.waiting.len())
    }

    /// The place of a network, which is the last of all if nobody of it waits yet.
    fn network(&mut self, from: &Whence) -> &mut Network<T> {
        let at = self.sites.iter().position(|site| site.name == from.site).unwrap_or_else(|| {
            self.sites.push_back(Site { name: from.site.clone(), networks: VecDeque::new() });
            self.sites.len() - 1
        });
        let networks = &mut self.sites[at].networks;
        let at = networks.iter().position(|network| network.name == from.network).unwrap_or_else(|| {
            networks.push_back(Network { name: from.network.clone(), waiting: VecDeque::new() });
            networks.len() - 1
        });
        &mut networks[at]
    }

    fn tidy(&mut self) {
        for site in &mut self.sites {
            site.networks.retain(|network| !network.waiting.is_empty());
        }
        self.sites.retain(|site| !site.networks.is_empty());
    }
}

impl<T> Site<T> {
    fn len(&self) -> usize {
        self.networks.iter().map(|network| network.waiting.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn from(address: &str) -> Whence {
        Whence::from(address.parse::<IpAddr>().unwrap())
    }

    fn all<T>(line: &mut Line<T>) -> Vec<T> {
        std::iter::from_fn(|| line.next()).collect()
    }

    /// A line of so many from each of these.
    fn line(of: &[(&str, usize)]) -> Line<String> {
        let mut line = Line::default();
        for (address, count) in of {
            for n in 0..*count {
                assert_eq!(line.join(&from(address), format!("{address} {n}")).unwrap().sent_away, None);
            }
        }
        line
    }

    #[test]
    fn a_site_is_what_one_has_at_once() {
        let same = |one: &str, two: &str| from(one).site == from(two).site;
        assert!(same("2001:db8:1:2::1", "2001:db8:1:3::1") && !same("2001:db8:1::1", "2001:db8:2::1"));
        assert!(same("192.0.2.1", "::ffff:192.0.2.9") && !same("192.0.2.1", "192.0.3.1"));
        assert!(!same("192.0.2.1", "::1") && Whence::default().site.is_empty());
    }

    #[test]
    fn turns_go_round_sites_and_in_them_round_networks() {
        let crowd = [("192.0.2.1", 3), ("2001:db8:1:1::1", 2), ("2001:db8:1:2::1", 2), ("198.51.100.1", 1)];
        assert_eq!(
            all(&mut line(&crowd)),
            [
                "192.0.2.1 0",
                "2001:db8:1:1::1 0",
                "198.51.100.1 0",
                "192.0.2.1 1",
                "2001:db8:1:2::1 0",
                "192.0.2.1 2",
                "2001:db8:1:1::1 1",
                "2001:db8:1:2::1 1",
            ]
        );
    }

    #[test]
    fn a_full_line_makes_room_for_who_has_fewer() {
        let (one, two) = (("192.0.2.1", 128), ("198.51.100.1", 64));
        let site = [("2001:db8:1:1::1", 40), ("2001:db8:1:2::1", 24)];
        for (crowd, newcomer, goes) in [
            (vec![one, two, ("203.0.113.1", 64)], "203.0.114.1", Some("192.0.2.1 127")),
            (vec![one, two, site[0], site[1]], "192.0.2.2", Some("192.0.2.1 127")),
            (vec![one, two, site[0], site[1]], "2001:db8:1:2::2", Some("192.0.2.1 127")),
            (
                vec![one, ("198.51.100.1", 127), ("2001:db8:1:1::1", 1)],
                "198.51.100.2",
                Some("198.51.100.1 126"),
            ),
            (vec![one, ("198.51.100.1", 127), ("2001:db8:1:1::1", 1)], "198.51.100.1", None),
            (vec![one, ("198.51.100.1", 128)], "198.51.100.1", None),
        ] {
            let mut line = line(&crowd);
            let joined = line.join(&from(newcomer), "newcomer".to_owned());
            let gone = joined.map(|joined| joined.sent_away.unwrap());
            assert_eq!(gone.as_deref(), goes, "{newcomer} beside {crowd:?}");
            let left = all(&mut line);
            assert_eq!((left.len(), left.contains(&"newcomer".to_owned())), (WAITING, goes.is_some()));
        }
        let mut line = line(&[one]);
        assert!(line.join(&from("192.0.2.1"), String::new()).is_none(), "no network has all places");
    }

    #[test]
    fn who_leaves_is_not_called() {
        let mut line = Line::default();
        let joined: Vec<_> = (0..3).map(|n| line.join(&from("192.0.2.1"), n).unwrap().ticket).collect();
        let other = line.join(&Whence::default(), 9).unwrap().ticket;
        line.leave(joined[0]);
        line.leave(joined[0]);
        line.leave(other);
        assert_eq!((line.sites.len(), all(&mut line)), (1, vec![1, 2]));
    }

    /// Somebody joins from the address of this number, leaves, or is called.
    #[derive(Clone, Debug)]
    enum Step {
        Join(u8, u8),
        Leave(u8),
        Next,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            8 => (0..6u8, 0..5u8).prop_map(|(site, network)| Step::Join(site, network)),
            1 => any::<u8>().prop_map(Step::Leave),
            2 => Just(Step::Next),
        ]
    }

    /// Which of the turns is that of somebody who comes from elsewhere after all of `before`, while `after` goes on.
    fn newcomer(before: &[Step], after: &[Step]) -> usize {
        const NEWCOMER: u64 = u64::MAX;
        let (mut line, mut inside, mut waited) = (Line::default(), Vec::new(), 0);
        for (n, step) in (0..).zip(before.iter().map(Some).chain([None]).chain(after.iter().map(Some))) {
            match step {
                None => {
                    let joined = line.join(&from("2001:db8::1"), NEWCOMER).unwrap();
                    inside.retain(|(who, _)| Some(*who) != joined.sent_away);
                    inside.push((NEWCOMER, joined.ticket));
                }
                Some(Step::Join(site, network)) => {
                    let address = IpAddr::from([10, 0, *site, *network]);
                    let Some(joined) = line.join(&Whence::from(address), n) else { continue };
                    assert_ne!(joined.sent_away, Some(NEWCOMER));
                    inside.retain(|(who, _)| Some(*who) != joined.sent_away);
                    inside.push((n, joined.ticket));
                }
                Some(Step::Leave(which)) => {
                    if let Some((who, ticket)) = inside.get(usize::from(*which)).copied()
                        && who != NEWCOMER
                    {
                        line.leave(ticket);
                        inside.retain(|(_, other)| *other != ticket);
                    }
                }
                Some(Step::Next) => {
                    let called = line.next();
                    assert_eq!(called.is_none(), inside.is_empty());
                    waited += usize::from(inside.iter().any(|(who, _)| *who == NEWCOMER));
                    inside.retain(|(who, _)| Some(*who) != called);
                }
            }
            assert!(inside.len() <= WAITING);
        }
        let mut left = all(&mut line);
        if let Some(at) = left.iter().position(|who| *who == NEWCOMER) {
            waited += at + 1;
        }
        let mut expected: Vec<u64> = inside.iter().map(|(who, _)| *who).collect();
        expected.sort_unstable();
        left.sort_unstable();
        assert_eq!(left, expected, "nobody is lost, and nobody is called twice");
        waited
    }

    proptest! {
        #[test]
        fn who_comes_from_elsewhere_is_nearly_next(
            before in prop::collection::vec(step(), 0..700),
            after in prop::collection::vec(step(), 0..700),
        ) {
            let waited = newcomer(&before, &after);
            prop_assert!((1..=7).contains(&waited), "called as number {}", waited);
        }
    }
}
