//! Pickles, read and never run.
//!
//! A pickle is a program for a stack machine that builds an object. Here its calls are noted down
//! instead of made: a class is its name, a call is its callee beside its arguments, and whoever
//! reads the result knows a handful of names. Nodes live in one arena and refer to each other by
//! index, so that a cycle or a chain of a million links costs neither memory nor recursion.

use super::torch::TorchError;
use super::zip::{Bytes, place};
use std::collections::HashMap;

/// A node of a [`Pickle`].
pub(super) type Id = usize;

/// A value that a pickle builds.
#[derive(Debug)]
pub(super) enum Node {
    /// What nothing here asks about: none, floats, bytes, sets.
    Other,
    /// A whole number of up to 64 bits, or a truth value.
    Int(i64),
    Text(String),
    /// A tuple or a list.
    Row(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// A class or a function, by two texts.
    Global {
        module: Id,
        name: Id,
    },
    /// A call that was not made.
    Call {
        callee: Id,
        arguments: Id,
    },
    /// A reference to something outside the pickle.
    Persistent(Id),
}

/// What a pickle builds, and where it ended.
#[derive(Debug)]
pub(super) struct Pickle {
    nodes: Vec<Node>,
    pub(super) root: Id,
    pub(super) end: usize,
}

impl Pickle {
    pub(super) fn node(&self, id: Id) -> &Node {
        &self.nodes[id]
    }

    /// Reads the pickle that begins at `start`.
    pub(super) fn read(content: &[u8], start: usize) -> Result<Self, TorchError> {
        let machine = Machine {
            bytes: Bytes(content),
            at: start,
            nodes: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
        };
        machine.run()
    }

    /// What the references to the outside name.
    pub(super) fn persistent(&self) -> impl Iterator<Item = Id> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Persistent(id) => Some(*id),
            _ => None,
        })
    }

    pub(super) fn text(&self, id: Id) -> Option<&str> {
        if let Node::Text(text) = self.node(id) { Some(text) } else { None }
    }

    pub(super) fn int(&self, id: Id) -> Option<i64> {
        if let Node::Int(value) = self.node(id) { Some(*value) } else { None }
    }

    pub(super) fn row(&self, id: Id) -> Option<&[Id]> {
        if let Node::Row(items) = self.node(id) { Some(items) } else { None }
    }

    /// Whether a node is that class or function.
    pub(super) fn is_global(&self, id: Id, module: &str, name: &str) -> bool {
        names(&self.nodes, id, module, name)
    }
}

/// Texts are shared, never copied: a small pickle must not grow by referring to one again and again.
fn names(nodes: &[Node], id: Id, module: &str, name: &str) -> bool {
    let is = |id: Id, expected: &str| matches!(&nodes[id], Node::Text(text) if text == expected);
    matches!(&nodes[id], Node::Global { module: m, name: n } if is(*m, module) && is(*n, name))
}

struct Machine<'a> {
    bytes: Bytes<'a>,
    at: usize,
    nodes: Vec<Node>,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
}

impl Machine<'_> {
    fn run(mut self) -> Result<Pickle, TorchError> {
        loop {
            let at = self.at;
            let code = self.number(1)? as u8;
            if code == b'.' {
                let root = self.pop()?;
                return Ok(Pickle { nodes: self.nodes, root, end: self.at });
            }
            self.step(code, at)?;
        }
    }

    fn step(&mut self, code: u8, at: usize) -> Result<(), TorchError> {
        match code {
            0x80 => drop(self.number(1)?),
            0x95 => drop(self.number(8)?),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.above_mark()?),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            b'N' => self.push(Node::Other),
            0x88 | 0x89 => self.push(Node::Int(i64::from(code == 0x88))),
            b'K' => self.whole(1)?,
            b'M' => self.whole(2)?,
            b'J' => {
                let value = self.number(4)? as u32 as i32;
                self.push(Node::Int(value.into()));
            }
            0x8a => self.long(1)?,
            0x8b => self.long(4)?,
            b'G' => self.skip(8)?,
            b'X' => self.text(4)?,
            0x8c => self.text(1)?,
            0x8d => self.text(8)?,
            b'U' => self.text(1)?,
            b'T' => self.text(4)?,
            b'C' => self.blob(1)?,
            b'B' => self.blob(4)?,
            0x8e | 0x96 => self.blob(8)?,
            b'q' => self.remember(1)?,
            b'r' => self.remember(4)?,
            0x94 => {
                let top = self.top()?;
                self.memo.insert(self.memo.len() as u64, top);
            }
            b'h' => self.recall(1)?,
            b'j' => self.recall(4)?,
            b')' | b']' => self.push(Node::Row(Vec::new())),
            b'}' => self.push(Node::Dict(Vec::new())),
            0x8f => self.push(Node::Other),
            0x85..=0x87 => {
                let first = self.stack.len().checked_sub(usize::from(code - 0x84));
                let first = first.ok_or(TorchError::Pickle { at })?;
                let items = self.stack.split_off(first);
                self.push(Node::Row(items));
            }
            b't' | b'l' => {
                let items = self.above_mark()?;
                self.push(Node::Row(items));
            }
            b'd' => {
                let items = self.above_mark()?;
                let pairs = pairs(&items, at)?;
                self.push(Node::Dict(pairs));
            }
            0x91 => {
                self.above_mark()?;
                self.push(Node::Other);
            }
            0x90 => drop(self.above_mark()?),
            b'a' => {
                let item = self.pop()?;
                self.extend(vec![item], at)?;
            }
            b'e' => {
                let items = self.above_mark()?;
                self.extend(items, at)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.insert(vec![(key, value)], at)?;
            }
            b'u' => {
                let items = self.above_mark()?;
                self.insert(pairs(&items, at)?, at)?;
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Node::Global { module, name });
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                self.push(Node::Global { module, name });
            }
            b'R' | 0x81 => {
                let (arguments, callee) = (self.pop()?, self.pop()?);
                self.call(callee, arguments);
            }
            0x92 => {
                let (_, arguments, callee) = (self.pop()?, self.pop()?, self.pop()?);
                self.call(callee, arguments);
            }
            // The state of an object, such as a dictionary's version: nothing asks for it.
            b'b' => drop(self.pop()?),
            b'Q' => {
                let id = self.pop()?;
                self.push(Node::Persistent(id));
            }
            _ => return Err(TorchError::Opcode { code, at }),
        }
        Ok(())
    }

    fn number(&mut self, width: usize) -> Result<u64, TorchError> {
        let value = self.bytes.number(self.at, width)?;
        self.at += width;
        Ok(value)
    }

    /// The bytes whose count stands before them in `width` bytes.
    fn counted(&mut self, width: usize) -> Result<&[u8], TorchError> {
        let at = self.at;
        let count = place(self.number(width)?, at)?;
        let bytes = self.bytes.slice(self.at, count)?;
        self.at += count;
        Ok(bytes)
    }

    fn push(&mut self, node: Node) {
        self.stack.push(self.nodes.len());
        self.nodes.push(node);
    }

    fn pop(&mut self) -> Result<Id, TorchError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let id = (self.stack.len() > floor).then(|| self.stack.pop()).flatten();
        id.ok_or(TorchError::Pickle { at: self.at })
    }

    fn top(&self) -> Result<Id, TorchError> {
        self.stack.last().copied().ok_or(TorchError::Pickle { at: self.at })
    }

    fn above_mark(&mut self) -> Result<Vec<Id>, TorchError> {
        let mark = self.marks.pop().filter(|mark| *mark <= self.stack.len());
        Ok(self.stack.split_off(mark.ok_or(TorchError::Pickle { at: self.at })?))
    }

    fn whole(&mut self, width: usize) -> Result<(), TorchError> {
        let value = self.number(width)? as i64;
        self.push(Node::Int(value));
        Ok(())
    }

    /// A number in two's complement; of more than 64 bits, something that nothing asks about.
    fn long(&mut self, width: usize) -> Result<(), TorchError> {
        let bytes = self.counted(width)?;
        let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut wide = [if negative { 0xff } else { 0 }; 8];
        let fits = bytes.len() <= 8;
        wide.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        self.push(if fits { Node::Int(i64::from_le_bytes(wide)) } else { Node::Other });
        Ok(())
    }

    fn skip(&mut self, width: usize) -> Result<(), TorchError> {
        self.number(width)?;
        self.push(Node::Other);
        Ok(())
    }

    fn text(&mut self, width: usize) -> Result<(), TorchError> {
        let text = String::from_utf8_lossy(self.counted(width)?).into_owned();
        self.push(Node::Text(text));
        Ok(())
    }

    fn blob(&mut self, width: usize) -> Result<(), TorchError> {
        self.counted(width)?;
        self.push(Node::Other);
        Ok(())
    }

    /// The text up to the end of the line, as a node.
    fn line(&mut self) -> Result<Id, TorchError> {
        let rest = self.bytes.0.get(self.at..).unwrap_or_default();
        let end = rest.iter().position(|byte| *byte == b'\n');
        let end = end.ok_or(TorchError::Truncated { at: self.at })?;
        self.at += end + 1;
        self.nodes.push(Node::Text(String::from_utf8_lossy(&rest[..end]).into_owned()));
        Ok(self.nodes.len() - 1)
    }

    fn remember(&mut self, width: usize) -> Result<(), TorchError> {
        let (key, top) = (self.number(width)?, self.top()?);
        self.memo.insert(key, top);
        Ok(())
    }

    fn recall(&mut self, width: usize) -> Result<(), TorchError> {
        let at = self.at;
        let key = self.number(width)?;
        let id = self.memo.get(&key).copied().ok_or(TorchError::Pickle { at })?;
        self.stack.push(id);
        Ok(())
    }

    fn extend(&mut self, items: Vec<Id>, at: usize) -> Result<(), TorchError> {
        let top = self.top()?;
        match &mut self.nodes[top] {
            Node::Row(row) => row.extend(items),
            // A call that makes a list, such as a deque: nothing asks for what is in it.
            Node::Call { .. } | Node::Other => {}
            _ => return Err(TorchError::Pickle { at }),
        }
        Ok(())
    }

    fn insert(&mut self, pairs: Vec<(Id, Id)>, at: usize) -> Result<(), TorchError> {
        let top = self.top()?;
        match &mut self.nodes[top] {
            Node::Dict(dict) => dict.extend(pairs),
            Node::Call { .. } | Node::Other => {}
            _ => return Err(TorchError::Pickle { at }),
        }
        Ok(())
    }

    /// An ordered dictionary is a dictionary; every other call is noted down.
    fn call(&mut self, callee: Id, arguments: Id) {
        let ordered = names(&self.nodes, callee, "collections", "OrderedDict");
        let empty = matches!(&self.nodes[arguments], Node::Row(items) if items.is_empty());
        self.push(if ordered && empty {
            Node::Dict(Vec::new())
        } else {
            Node::Call { callee, arguments }
        });
    }
}

fn pairs(items: &[Id], at: usize) -> Result<Vec<(Id, Id)>, TorchError> {
    if items.len() % 2 == 1 {
        return Err(TorchError::Pickle { at });
    }
    Ok(items.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
}
