//! Bodies: as the document has them, as the table of operations has them, spoiled somewhere, or no JSON at all.

use super::dice::Dice;
use super::pool::Pool;
use crate::access::operations::OPERATIONS;
use haven_web::contract::openapi;
use serde_json::{Map, Value, json};

/// A body for an operation, and how it is called.
pub(crate) fn body(dice: &mut Dice, pool: &Pool, id: &str, operation: &Value) -> (Vec<u8>, &'static str) {
    let kind = match dice.below(20) {
        0 => *dice.pick(&[
            "text/plain",
            "application/x-www-form-urlencoded",
            "",
            "application/json; charset=utf-16",
            "*/*",
            ";",
        ]),
        _ => "application/json",
    };
    let schema = operation.pointer("/requestBody/content/application~1json/schema");
    let mut value = match (dice.below(10), schema) {
        (0..=4, _) => of_table(dice, pool, id),
        (5..=8, Some(schema)) => Some(of_schema(dice, pool, "", schema, 0)),
        _ => None,
    };
    if let (Some(value), true) = (&mut value, dice.one_in(3)) {
        spoil(dice, value);
    }
    let body = match value {
        Some(value) => value.to_string().into_bytes(),
        None if schema.is_none() && !dice.one_in(8) => Vec::new(),
        None => junk(dice),
    };
    (body, kind)
}

/// The query that the table of operations has for one, filled.
pub(crate) fn query_of_table(dice: &mut Dice, pool: &Pool, id: &str) -> Option<String> {
    let rows: Vec<_> = OPERATIONS.iter().filter(|row| row.id == id && !row.query.is_empty()).collect();
    let row = (!rows.is_empty()).then(|| rows[dice.below(rows.len())])?;
    Some(fill(dice, pool, row.query))
}

fn of_table(dice: &mut Dice, pool: &Pool, id: &str) -> Option<Value> {
    let rows: Vec<_> = OPERATIONS.iter().filter(|row| row.id == id && !row.body.is_empty()).collect();
    let row = (!rows.is_empty()).then(|| rows[dice.below(rows.len())])?;
    serde_json::from_str(&fill(dice, pool, row.body)).ok()
}

fn fill(dice: &mut Dice, pool: &Pool, text: &str) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        let name: String =
            rest[start + 1..].chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
        let end = start + 1 + name.len();
        if name.is_empty() || !rest[end..].starts_with('}') {
            filled.push_str(&rest[..=start]);
            rest = &rest[start + 1..];
            continue;
        }
        filled.push_str(&rest[..start]);
        let hole = if name == "project" { "project_name" } else { name.as_str() };
        filled.push_str(&pool.filling(dice, hole).unwrap_or_default());
        rest = &rest[end + 1..];
    }
    filled + rest
}

/// A value that fits a schema, mostly.
fn of_schema(dice: &mut Dice, pool: &Pool, name: &str, schema: &Value, depth: usize) -> Value {
    if let Some(reference) = schema["$ref"].as_str() {
        let schema = openapi().pointer(reference.trim_start_matches('#')).unwrap();
        return of_schema(dice, pool, name, schema, depth);
    }
    for list in ["oneOf", "anyOf"] {
        if let Some(choices) = schema[list].as_array() {
            let choice = dice.below(choices.len());
            return of_schema(dice, pool, name, &choices[choice], depth);
        }
    }
    if let (Some(choices), true) = (schema["enum"].as_array(), !dice.one_in(10)) {
        return dice.pick(choices).clone();
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => dice.pick(kinds).as_str().unwrap_or("null"),
        kind => kind.as_str().unwrap_or("object"),
    };
    match kind {
        "object" => object(dice, pool, schema, depth),
        "array" if depth < 6 => {
            let count = dice.below(4);
            (0..count).map(|_| of_schema(dice, pool, name, &schema["items"], depth + 1)).collect()
        }
        "integer" | "number" => match pool.filling(dice, name).and_then(|text| text.parse::<i64>().ok()) {
            Some(number) if !dice.one_in(6) => number.into(),
            _ => dice.odd_number().into(),
        },
        "boolean" => dice.one_in(2).into(),
        "string" => match pool.filling(dice, name) {
            Some(text) if !dice.one_in(6) => text.into(),
            _ => dice.odd_text().into(),
        },
        _ => Value::Null,
    }
}

fn object(dice: &mut Dice, pool: &Pool, schema: &Value, depth: usize) -> Value {
    let mut made = Map::new();
    for part in schema["allOf"].as_array().into_iter().flatten() {
        if let Value::Object(members) = of_schema(dice, pool, "", part, depth + 1) {
            made.extend(members);
        }
    }
    if depth < 6 {
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            let required =
                schema["required"].as_array().is_some_and(|list| list.contains(&name.as_str().into()));
            if if required { !dice.one_in(12) } else { dice.one_in(2) } {
                made.insert(name.clone(), of_schema(dice, pool, name, member, depth + 1));
            }
        }
    }
    if schema["additionalProperties"].is_object() {
        let storage = if dice.one_in(2) { "storage".to_owned() } else { dice.odd_text() };
        made.insert(
            storage.clone(),
            of_schema(dice, pool, &storage, &schema["additionalProperties"], depth + 1),
        );
    }
    if dice.one_in(12) {
        made.insert(dice.odd_text(), odd(dice));
    }
    Value::Object(made)
}

/// Puts something else in the place of some part.
fn spoil(dice: &mut Dice, value: &mut Value) {
    let stop = dice.one_in(3);
    match value {
        Value::Object(members) if !stop && !members.is_empty() => {
            let place = dice.below(members.len());
            if let Some((_, member)) = members.iter_mut().nth(place) {
                spoil(dice, member);
            }
        }
        Value::Array(items) if !stop && !items.is_empty() => {
            let place = dice.below(items.len());
            spoil(dice, &mut items[place]);
        }
        value => *value = odd(dice),
    }
}

fn odd(dice: &mut Dice) -> Value {
    match dice.below(12) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!([]),
        3 => json!({}),
        4 => json!(1.5),
        5 => json!(u64::MAX),
        6 => json!([[[[null]]]]),
        7 => json!({ "a": { "a": { "a": [1, "b"] } } }),
        8 => dice.odd_number().into(),
        9 => json!("x".repeat(dice.below(20_000))),
        _ => dice.odd_text().into(),
    }
}

/// What no writer of JSON would send.
fn junk(dice: &mut Dice) -> Vec<u8> {
    let depth = *dice.pick(&[10, 120, 130, 5000]);
    match dice.below(18) {
        0 => Vec::new(),
        1 => b"null".to_vec(),
        2 => b"{".to_vec(),
        3 => b"{\"name\": 1e999}".to_vec(),
        4 => b"\xff\xfe{}".to_vec(),
        5 => b"\xef\xbb\xbf{}".to_vec(),
        6 => b"{\"name\": \"\xff\"}".to_vec(),
        7 => b"{\"name\": \"\\ud800\"}".to_vec(),
        8 => b"{\"name\": \"a\", \"name\": \"b\"}".to_vec(),
        9 => "[".repeat(depth).into_bytes(),
        10 => [vec![b'['; depth], vec![b']'; depth]].concat(),
        11 => format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth)).into_bytes(),
        12 => format!("{{\"name\": \"{}\"}}", "x".repeat(dice.below(1 << 18))).into_bytes(),
        13 => format!("{{\"name\": {}}}", "9".repeat(1 + dice.below(500))).into_bytes(),
        14 => b"{} {}".to_vec(),
        15 => b"{\"name\": NaN}".to_vec(),
        16 => dice.odd_text().into_bytes(),
        _ => (0..dice.below(200)).map(|_| dice.roll() as u8).collect(),
    }
}
