//! The grammar of `sort`.

/// More keys than any list has columns; further ones decide nothing.
const MAX_KEYS: usize = 64;

/// One key to sort by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    pub key: String,
    pub descending: bool,
}

/// Reads `k1,-k2`. Whether a key exists is decided by [`Select`](super::Select), which ignores it if not.
pub fn parse_sort(raw: &str) -> Vec<Sort> {
    let keys = raw.split(',').map(str::trim).map(|key| match key.strip_prefix('-') {
        Some(key) => Sort { key: key.to_owned(), descending: true },
        None => Sort { key: key.to_owned(), descending: false },
    });
    keys.filter(|sort| !sort.key.is_empty()).take(MAX_KEYS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minus_turns_the_order() {
        let sort = parse_sort("name,-creation_time,,-");
        let shown = sort.iter().map(|sort| (sort.key.as_str(), sort.descending)).collect::<Vec<_>>();
        assert_eq!(shown, [("name", false), ("creation_time", true)]);
        assert_eq!(parse_sort(""), []);
    }
}
