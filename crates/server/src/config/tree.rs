//! A YAML document as a tree whose every node knows where it was written.
//!
//! Scalars keep the text as written, because only the key says whether `0123` is a number or a password; that is
//! why the events of serde-saphyr's parser are read here and not its typed values.

use std::{collections::HashMap, sync::Arc};

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, Span};

use super::problems::{Place, Problem};

/// Nodes in a document, copies made by aliases included. A real file has some two hundred.
const MAX_NODES: usize = 10_000;
const MAX_DEPTH: usize = 32;

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) place: Place,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Null,
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) place: Place,
    pub(super) node: Node,
}

/// Reads one document; an empty one is an empty map. `name` is how places call the file.
pub(super) fn parse(name: &str, text: &str) -> Result<Node, Problem> {
    let builder = Builder {
        events: Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text)),
        path: name.into(),
        anchors: HashMap::new(),
        nodes: 0,
    };
    builder.document()
}

struct Builder<'a> {
    events: Parser<'a, serde_saphyr::granit_parser::StrInput<'a>>,
    path: Arc<str>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

impl<'a> Builder<'a> {
    fn document(mut self) -> Result<Node, Problem> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                Event::StreamEnd => break,
                _ if root.is_some() => return Err(self.problem(span, "a second document in the file")),
                other => root = Some(self.node(other, span, 0)?),
            }
        }
        let place = Place::File { path: self.path, line: 1, column: 1 };
        Ok(root.unwrap_or(Node { value: Value::Null, place }))
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Problem> {
        loop {
            match self.events.next() {
                Some(Ok((Event::Comment(..), _))) => {}
                Some(Ok(found)) => return Ok(found),
                Some(Err(error)) => {
                    let mark = *error.marker();
                    let place = self.place_of(mark.line(), mark.col());
                    return Err(Problem {
                        place: Some(place),
                        message: format!("not YAML: {}", error.kind()),
                    });
                }
                None => return Ok((Event::StreamEnd, Span::default())),
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Problem> {
        let place = self.place(span);
        if depth > MAX_DEPTH {
            return Err(self.problem(span, "nested too deeply"));
        }
        self.count(1, span)?;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => (scalar(text.into_owned(), style), anchor),
            Event::SequenceStart(_, anchor, _) => (self.list(depth)?, anchor),
            Event::MappingStart(_, anchor, _) => (self.map(depth)?, anchor),
            Event::Alias(id) => return self.alias(id, span),
            _ => return Err(self.problem(span, "a value is missing")),
        };
        let node = Node { value, place };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<Value, Problem> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::List(items)),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, Problem> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            let key = match event {
                Event::MappingEnd => return Ok(Value::Map(entries)),
                Event::Scalar(text, ..) => text.into_owned(),
                _ => return Err(self.problem(span, "a key must be plain text")),
            };
            if key == "<<" {
                return Err(self.problem(span, "merge keys (`<<`) are not supported"));
            }
            if let Some(first) = entries.iter().find(|entry| entry.key == key) {
                let message = format!("`{key}` is given twice, first at {}", first.place);
                return Err(self.problem(span, &message));
            }
            let place = self.place(span);
            let (event, span) = self.next()?;
            let node = self.node(event, span, depth + 1)?;
            entries.push(Entry { key, place, node });
        }
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<Node, Problem> {
        let Some(mut node) = self.anchors.get(&id).cloned() else {
            return Err(self.problem(span, "an alias inside its own anchor"));
        };
        self.count(size(&node), span)?;
        node.place = self.place(span);
        Ok(node)
    }

    fn count(&mut self, more: usize, span: Span) -> Result<(), Problem> {
        self.nodes += more;
        if self.nodes > MAX_NODES { Err(self.problem(span, "too many values in the file")) } else { Ok(()) }
    }

    fn problem(&self, span: Span, message: &str) -> Problem {
        Problem { place: Some(self.place(span)), message: message.to_owned() }
    }

    fn place(&self, span: Span) -> Place {
        self.place_of(span.start.line(), span.start.col())
    }

    /// The parser counts lines from one and columns from zero.
    fn place_of(&self, line: usize, column: usize) -> Place {
        Place::File { path: Arc::clone(&self.path), line: line.max(1), column: column + 1 }
    }
}

fn scalar(text: String, style: ScalarStyle) -> Value {
    let plain_null = matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL");
    if style == ScalarStyle::Plain && plain_null { Value::Null } else { Value::Scalar(text) }
}

fn size(node: &Node) -> usize {
    match &node.value {
        Value::Null | Value::Scalar(_) => 1,
        Value::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Map(entries) => 1 + entries.iter().map(|entry| size(&entry.node)).sum::<usize>(),
    }
}
