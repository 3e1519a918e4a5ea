//! Statements about a list of values, whatever its length.

use crate::Value;

/// The most values of one list in a statement.
const BATCH: usize = 512;

/// Cuts a list into pieces for statements that begin with it, each with its parameters `$1, $2, …`. A list may have
/// thousands of values, and a transaction must be short. Pieces are filled up by their last value to a power of two, so
/// that there are few different statements to keep prepared.
pub fn batches<T: Into<Value>>(list: impl IntoIterator<Item = T>) -> Vec<(String, Vec<Value>)> {
    let all: Vec<Value> = list.into_iter().map(Into::into).collect();
    let filled = |some: &[Value]| {
        let mut values = some.to_vec();
        if let Some(last) = some.last() {
            values.resize(some.len().next_power_of_two(), last.clone());
        }
        let marks: Vec<String> = (1..=values.len()).map(|n| format!("${n}")).collect();
        (marks.join(", "), values)
    };
    all.chunks(BATCH).map(filled).collect()
}

/// Puts the parameters of a list into a statement at `{list}`, and the numbers of the two that follow it at `{next}` and
/// `{after}`.
pub fn in_list(statement: &str, marks: &str) -> String {
    let count = marks.split(',').count();
    statement
        .replace("{list}", marks)
        .replace("{next}", &format!("${}", count + 1))
        .replace("{after}", &format!("${}", count + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_filled_to_a_power_of_two() {
        let sizes = |count: i64| batches(0..count).iter().map(|(_, values)| values.len()).collect::<Vec<_>>();
        assert_eq!(sizes(0), Vec::<usize>::new());
        assert_eq!(sizes(3), [4]);
        assert_eq!(sizes(513), [512, 1]);
        let (marks, _) = &batches([7_i64, 8])[0];
        assert_eq!(in_list("a IN ({list}) AND b = {next}", marks), "a IN ($1, $2) AND b = $3");
    }
}
