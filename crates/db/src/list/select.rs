//! A `SELECT` put together from fixed pieces and bound values.

use std::fmt::Write as _;

use super::{Column, Kind, Match, Page, Query, Scalar, q, same_key};
use crate::{Db, Engine, Error, Read, Result, Row, Timestamp, Tx, Value};

/// A list statement. Text comes only from the program, values are only ever bound.
///
/// In a condition `?` stands for a value; the numbers are put in when the statement is made.
#[derive(Debug, Clone)]
#[must_use = "nothing is read before `fetch`, `count` or `fetch_page`"]
pub struct Select {
    columns: &'static str,
    from: &'static str,
    conditions: Vec<Condition>,
    group: Option<&'static str>,
    order: Vec<String>,
    default_order: Option<&'static str>,
    page: Page,
}

#[derive(Debug, Clone)]
struct Condition {
    sql: String,
    values: Vec<Value>,
}

impl Select {
    /// `Select::new("SELECT t.id, t.name", "FROM tag t JOIN ..")`.
    pub fn new(columns: &'static str, from: &'static str) -> Self {
        Self {
            columns,
            from,
            conditions: Vec::new(),
            group: None,
            order: Vec::new(),
            default_order: None,
            page: Page::ALL,
        }
    }

    /// Only rows for which this holds: `.filter("t.project_id = ?", project)`.
    pub fn filter(self, sql: &'static str, value: impl Into<Value>) -> Self {
        self.filter_many(sql, vec![value.into()])
    }

    /// As [`Select::filter`], with any number of values.
    pub fn filter_many(mut self, sql: &'static str, values: Vec<Value>) -> Self {
        self.conditions.push(Condition { sql: sql.to_owned(), values });
        self
    }

    /// Only rows where the column has one of the values; no values, no rows.
    pub fn filter_in(mut self, column: &'static str, values: Vec<Value>) -> Self {
        self.conditions.push(any_of(column, values));
        self
    }

    /// As [`Select::filter_many`], with a list of any length at `{list}`, after all other values; an empty one holds
    /// nothing.
    pub fn filter_list(mut self, sql: &'static str, mut values: Vec<Value>, mut list: Vec<Value>) -> Self {
        fill(&mut list);
        let marks = if list.is_empty() { "NULL".to_owned() } else { vec!["?"; list.len()].join(", ") };
        values.append(&mut list);
        self.conditions.push(Condition { sql: sql.replace("{list}", &marks), values });
        self
    }

    /// `GROUP BY` these; then [`Select::count`] counts the groups.
    pub fn group_by(mut self, columns: &'static str) -> Self {
        self.group = Some(columns);
        self
    }

    /// What the caller asked for, as far as these columns know the keys; unknown keys are ignored.
    pub fn apply(mut self, columns: &[Column], query: &Query) -> Self {
        let find = |key: &str| columns.iter().find(|column| same_key(column.key, key));
        for term in &query.terms {
            if let Some(column) = find(&term.key) {
                self.conditions.extend(condition(column, &term.value));
            }
        }
        for sort in &query.sort {
            if let Some(column) = find(&sort.key).filter(|column| column.sortable) {
                self.order.push(format!("{} {}", column.sql, if sort.descending { "DESC" } else { "ASC" }));
            }
        }
        self.page = query.page;
        self
    }

    /// The order if the caller names none, and the tie-break if he does: end it with a unique column, or pages overlap.
    pub fn default_order(mut self, sql: &'static str) -> Self {
        self.default_order = Some(sql);
        self
    }

    /// Only this page.
    pub fn page(mut self, page: Page) -> Self {
        self.page = page;
        self
    }

    /// The rows of the page.
    pub async fn fetch(&self, db: &Db) -> Result<Vec<Row>> {
        let (sql, values) = self.statement(db.engine())?;
        db.query(&sql, &values).await
    }

    /// The rows of the page as a question, to be asked with others.
    pub fn read(&self, db: &Db) -> Result<Read> {
        let (sql, values) = self.statement(db.engine())?;
        Ok(Read::new(sql, values))
    }

    /// As [`Select::fetch`], inside a transaction.
    pub async fn fetch_in(&self, tx: &mut Tx) -> Result<Vec<Row>> {
        let (sql, values) = self.statement(tx.engine())?;
        tx.query(&sql, &values).await
    }

    /// How many rows there are on all pages.
    pub async fn count(&self, db: &Db) -> Result<i64> {
        let (sql, values) = self.count_statement(db.engine(), None)?;
        db.query_one(&sql, &values).await?.get(0)
    }

    /// How many rows there are on all pages, as far as `most`: for a table too large to be counted.
    pub async fn count_up_to(&self, db: &Db, most: i64) -> Result<i64> {
        let (sql, values) = self.count_statement(db.engine(), Some(most))?;
        db.query_one(&sql, &values).await?.get(0)
    }

    /// The rows of the page and how many there are on all pages.
    pub async fn fetch_page(&self, db: &Db) -> Result<(Vec<Row>, i64)> {
        if db.engine() == Engine::Postgres && self.page.size > 0 {
            // To count in vain costs less than to ask twice.
            let (sql, values) = self.count_statement(db.engine(), None)?;
            let [rows, total] = db.read([self.read(db)?, Read::new(sql, values)]).await?;
            let total = total.first().map_or(Ok(0), |row| row.get(0))?;
            return Ok((rows, total));
        }
        let rows = self.fetch(db).await?;
        // A page that is not full says so itself.
        let total = match self.page.total(rows.len()) {
            Some(total) => total,
            None => self.count(db).await?,
        };
        Ok((rows, total))
    }

    /// How the engine would find the rows of the page, in its own words.
    #[cfg(any(test, feature = "testing"))]
    pub async fn plan(&self, db: &Db) -> Result<String> {
        let (sql, values) = self.statement(db.engine())?;
        let (explain, column) = match db.engine() {
            Engine::Sqlite => ("EXPLAIN QUERY PLAN", 3),
            Engine::Postgres => ("EXPLAIN", 0),
        };
        let rows = db.query(&format!("{explain} {sql}"), &values).await?;
        let lines = rows.iter().map(|row| row.get(column)).collect::<Result<Vec<String>>>()?;
        Ok(lines.join("\n"))
    }

    fn statement(&self, engine: Engine) -> Result<(String, Vec<Value>)> {
        let mut sql = format!("{} {}", self.columns, self.from);
        let mut values = self.conditions(&mut sql, engine)?;
        let mut order: Vec<&str> = self.order.iter().map(String::as_str).collect();
        order.extend(self.default_order);
        if !order.is_empty() {
            let _ = write!(sql, " ORDER BY {}", order.join(", "));
        }
        if self.page.size > 0 {
            let _ = write!(sql, " LIMIT ${} OFFSET ${}", values.len() + 1, values.len() + 2);
            values.extend([self.page.size.into(), self.page.offset().into()]);
        }
        Ok((sql, values))
    }

    fn count_statement(&self, engine: Engine, most: Option<i64>) -> Result<(String, Vec<Value>)> {
        if self.group.is_none() && most.is_none() {
            let mut sql = format!("SELECT COUNT(*) {}", self.from);
            let values = self.conditions(&mut sql, engine)?;
            return Ok((sql, values));
        }
        let mut sql = format!("SELECT COUNT(*) FROM (SELECT 1 AS one {}", self.from);
        let mut values = self.conditions(&mut sql, engine)?;
        if let Some(most) = most {
            let _ = write!(sql, " LIMIT ${}", values.len() + 1);
            values.push(most.into());
        }
        sql.push_str(") counted");
        Ok((sql, values))
    }

    /// Adds `WHERE` and `GROUP BY`, and numbers the values.
    fn conditions(&self, sql: &mut String, engine: Engine) -> Result<Vec<Value>> {
        let mut values = Vec::new();
        for (index, condition) in self.conditions.iter().enumerate() {
            sql.push_str(if index == 0 { " WHERE (" } else { " AND (" });
            let mut parts = condition.sql.split('?');
            sql.push_str(parts.next().unwrap_or_default());
            let mut given = condition.values.iter();
            for part in parts {
                let value = given.next().ok_or_else(|| miscounted(condition))?;
                values.push(value.clone());
                let _ = write!(sql, "${}{part}", values.len());
            }
            if given.next().is_some() {
                return Err(miscounted(condition));
            }
            sql.push(')');
        }
        if let Some(group) = self.group {
            let _ = write!(sql, " GROUP BY {group}");
        }
        if engine == Engine::Sqlite {
            *sql = sql.replace(" ILIKE ", " LIKE ");
        }
        Ok(values)
    }
}

fn miscounted(condition: &Condition) -> Error {
    Error::internal(format!("{} values for the condition: {}", condition.values.len(), condition.sql))
}

/// The condition of one term, if it is one for this column.
fn condition(column: &Column, value: &Match) -> Option<Condition> {
    let sql = column.sql;
    Some(match value {
        Match::Exact(text) => match exact(column.kind, text) {
            Some(value) => Condition { sql: format!("{sql} = ?"), values: vec![value] },
            None => nothing(),
        },
        Match::Fuzzy(text) => {
            let text = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
            let subject =
                if column.kind == Kind::Text { sql.to_owned() } else { format!("CAST({sql} AS TEXT)") };
            Condition {
                sql: format!("{subject} ILIKE ? ESCAPE '\\'"),
                values: vec![format!("%{text}%").into()],
            }
        }
        Match::Range(low, high) => {
            let ends = [(">=", low), ("<=", high)];
            let mut parts = Vec::new();
            let mut values = Vec::new();
            for (operator, end) in ends {
                let Some(end) = end else { continue };
                let Some(value) = typed(column.kind, end) else { return Some(nothing()) };
                parts.push(format!("{sql} {operator} ?"));
                values.push(value);
            }
            Condition { sql: parts.join(" AND "), values }
        }
        Match::AnyOf(items) => {
            any_of(sql, items.iter().filter_map(|item| typed(column.kind, item)).collect())
        }
        Match::AllOf(_) => return None,
    })
}

/// A value that the column cannot have matches nothing.
fn nothing() -> Condition {
    Condition { sql: "1 = 0".to_owned(), values: Vec::new() }
}

/// Repeats the last value up to a power of two, so that few different statements are prepared.
fn fill(values: &mut Vec<Value>) {
    if let Some(last) = values.last().cloned() {
        values.resize(values.len().next_power_of_two(), last);
    }
}

fn any_of(column: &str, mut values: Vec<Value>) -> Condition {
    if values.is_empty() {
        return nothing();
    }
    fill(&mut values);
    let marks = vec!["?"; values.len()].join(", ");
    Condition { sql: format!("{column} IN ({marks})"), values }
}

fn exact(kind: Kind, text: &str) -> Option<Value> {
    match kind {
        Kind::Text => Some(text.into()),
        Kind::Int => text.parse::<i64>().ok().map(Into::into),
        Kind::Time => q::time(text).or_else(|| Timestamp::parse_rfc3339(text)).map(Into::into),
        Kind::Bool => match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "t" => Some(true.into()),
            "false" | "0" | "f" => Some(false.into()),
            _ => None,
        },
    }
}

fn typed(kind: Kind, scalar: &Scalar) -> Option<Value> {
    match scalar {
        Scalar::Text(text) => exact(kind, text),
        Scalar::Int(number) if kind == Kind::Time => Some(Timestamp::from_secs(*number).into()),
        Scalar::Int(number) => exact(kind, &number.to_string()),
        Scalar::Time(time) if kind == Kind::Time => Some((*time).into()),
        Scalar::Time(time) => exact(kind, time.rfc3339_secs().trim_end_matches('Z')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::{parse_q, parse_sort};

    const COLUMNS: &[Column] = &[
        Column { key: "name", sql: "t.name", kind: Kind::Text, sortable: true },
        Column { key: "project_id", sql: "t.project_id", kind: Kind::Int, sortable: false },
        Column { key: "push_time", sql: "t.push_time", kind: Kind::Time, sortable: true },
        Column { key: "public", sql: "t.public", kind: Kind::Bool, sortable: false },
    ];

    fn select(q: &str, sort: &str, page: Page) -> (String, Vec<Value>) {
        let query = Query { terms: parse_q(q).unwrap(), sort: parse_sort(sort), page };
        Select::new("SELECT t.id", "FROM tag t")
            .apply(COLUMNS, &query)
            .default_order("t.id ASC")
            .statement(Engine::Postgres)
            .unwrap()
    }

    #[test]
    fn terms_become_conditions_with_numbered_values() {
        let (sql, values) =
            select("Name=~a_b,ProjectID={1 2 3},unknown=1", "-push_time,project_id", Page::default());
        assert_eq!(
            sql,
            "SELECT t.id FROM tag t WHERE (t.name ILIKE $1 ESCAPE '\\') AND (t.project_id IN ($2, $3, $4, $5)) \
             ORDER BY t.push_time DESC, t.id ASC LIMIT $6 OFFSET $7"
        );
        assert_eq!(values[0], Value::from("%a\\_b%"));
        assert_eq!(values[4..], [3.into(), 10.into(), 0.into()]);
    }

    #[test]
    fn values_that_cannot_be_match_nothing() {
        for q in ["project_id=x", "push_time=[x~]", "public=perhaps", "project_id={x}"] {
            assert_eq!(
                select(q, "", Page::ALL).0,
                "SELECT t.id FROM tag t WHERE (1 = 0) ORDER BY t.id ASC",
                "{q}"
            );
        }
    }

    #[test]
    fn a_list_follows_the_other_values() {
        let select = |list: Vec<Value>| {
            Select::new("SELECT t.id", "FROM tag t")
                .filter_list("t.a = ? OR t.b IN ({list})", vec![7.into()], list)
                .statement(Engine::Sqlite)
                .unwrap()
        };
        let (sql, values) = select(vec![1.into(), 2.into(), 3.into()]);
        assert_eq!(sql, "SELECT t.id FROM tag t WHERE (t.a = $1 OR t.b IN ($2, $3, $4, $5))");
        assert_eq!(values, [7, 1, 2, 3, 3].map(Value::from));
        let (sql, values) = select(Vec::new());
        assert_eq!(sql, "SELECT t.id FROM tag t WHERE (t.a = $1 OR t.b IN (NULL))");
        assert_eq!(values, [Value::from(7)]);
    }

    #[test]
    fn conditions_count_their_values() {
        let select = Select::new("SELECT 1", "FROM t").filter_many("a = ? OR b = ?", vec![1.into()]);
        assert!(select.statement(Engine::Sqlite).is_err());
        let select = Select::new("SELECT 1", "FROM t").filter_many("a = ?", vec![1.into(), 2.into()]);
        assert!(select.statement(Engine::Sqlite).is_err());
    }

    #[test]
    fn groups_are_counted_as_groups() {
        let select = Select::new("SELECT a, COUNT(*)", "FROM t").filter("b = ?", 1).group_by("a");
        let (sql, _) = select.count_statement(Engine::Sqlite, None).unwrap();
        assert_eq!(sql, "SELECT COUNT(*) FROM (SELECT 1 AS one FROM t WHERE (b = $1) GROUP BY a) counted");
    }

    #[test]
    fn a_count_may_be_bounded() {
        let select = Select::new("SELECT a", "FROM t").filter("b = ?", 1);
        let (sql, values) = select.count_statement(Engine::Postgres, Some(50)).unwrap();
        assert_eq!(sql, "SELECT COUNT(*) FROM (SELECT 1 AS one FROM t WHERE (b = $1) LIMIT $2) counted");
        assert_eq!(values, [1.into(), 50_i64.into()]);
    }
}
