//! A description as a graph: from commands and events to their handlers, and from there to the events
//! that these emit. An edge is an `Emit<E>` parameter, or, dashed and from message to message, what was
//! seen: nothing is guessed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::describe::{Description, HandlerDescription, MessageDescription};

/// A graph, before it is written. Messages that have no edge are no part of it.
struct Graph<'d> {
    /// Messages by name, with the number of their node.
    messages: BTreeMap<&'d str, usize>,
    description: &'d Description,
}

impl Description {
    /// As a [Mermaid](https://mermaid.js.org) flowchart, which GitHub and rustdoc themes draw.
    #[must_use]
    pub fn to_mermaid(&self) -> String {
        let graph = Graph::of(self);
        let mut text = "flowchart LR\n".to_owned();
        for (message, node) in graph.nodes() {
            let name = escaped(message.short_name);
            let shape = if message.is_command {
                format!("[\"{name}\"]")
            } else {
                format!("([\"{name}\"])")
            };
            let _ = writeln!(text, "    m{node}{shape}");
        }
        graph.handlers(|node, n, handler| {
            let name = escaped(&handler.name);
            let _ = writeln!(text, "    m{node} --> h{n}{{{{\"{name}\"}}}}");
        });
        graph.emissions(|n, node| {
            let _ = writeln!(text, "    h{n} --> m{node}");
        });
        for (from, to) in graph.seen() {
            let _ = writeln!(text, "    m{from} -.-> m{to}");
        }
        text
    }

    /// As a Graphviz digraph: `dot -Tsvg`.
    #[must_use]
    pub fn to_dot(&self) -> String {
        let graph = Graph::of(self);
        let mut text = "digraph bus {\n    rankdir=LR;\n".to_owned();
        for (message, node) in graph.nodes() {
            let shape = if message.is_command { "box" } else { "ellipse" };
            let name = message.short_name;
            let _ = writeln!(text, "    m{node} [shape={shape}, label={name:?}];");
        }
        graph.handlers(|node, n, handler| {
            let _ = writeln!(text, "    h{n} [shape=hexagon, label={:?}];", handler.name);
            let _ = writeln!(text, "    m{node} -> h{n};");
        });
        graph.emissions(|n, node| {
            let _ = writeln!(text, "    h{n} -> m{node};");
        });
        for (from, to) in graph.seen() {
            let _ = writeln!(text, "    m{from} -> m{to} [style=dashed];");
        }
        text.push_str("}\n");
        text
    }
}

impl<'d> Graph<'d> {
    fn of(description: &'d Description) -> Self {
        let handlers = || description.messages.iter().flat_map(|message| &message.handlers);
        let is_emitted = |name| handlers().any(|handler| handler.emits.contains(&name));
        let is_seen = |name| description.seen.iter().any(|(_, to)| *to == name);
        let messages = description.messages.iter();
        let messages =
            messages.filter(|m| !m.handlers.is_empty() || is_emitted(m.name) || is_seen(m.name));
        let messages = messages.enumerate().map(|(node, message)| (message.name, node));
        Self { messages: messages.collect(), description }
    }

    fn nodes(&self) -> impl Iterator<Item = (&'d MessageDescription, usize)> + use<'_, 'd> {
        let node =
            |message: &'d MessageDescription| Some((message, *self.messages.get(message.name)?));
        self.description.messages.iter().filter_map(node)
    }

    /// Each handler, with the node of its message and a number of its own.
    fn handlers(&self, mut each: impl FnMut(usize, usize, &HandlerDescription)) {
        let mut n = 0;
        for (message, node) in self.nodes() {
            for handler in &message.handlers {
                each(node, n, handler);
                n += 1;
            }
        }
    }

    fn seen(&self) -> impl Iterator<Item = (usize, usize)> {
        let node = |name: &str| self.messages.get(name).copied();
        self.description.seen.iter().filter_map(move |(from, to)| Some((node(from)?, node(to)?)))
    }

    fn emissions(&self, mut each: impl FnMut(usize, usize)) {
        self.handlers(|_, n, handler| {
            let events = handler.emits.iter().filter_map(|event| self.messages.get(event));
            events.for_each(|node| each(n, *node));
        });
    }
}

/// In a Mermaid label, these would end it, or be read as an entity.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}
