//! Reading a filter.

use super::super::fields::{Kind, Row, find};
use super::{DEPTH, FilterError, Node, Op, Operand};
use crate::model::network;

/// What a text means for rows of the kind `R`.
pub(super) fn root<R: Row>(text: &str) -> Result<Node, FilterError> {
    let mut parser = Parser { tokens: tokens(text)?, next: 0, end: text.chars().count() + 1, depth: 0 };
    let root = if parser.tokens.is_empty() { Node::All(Vec::new()) } else { parser.any::<R>()? };
    match parser.peek() {
        None => Ok(root),
        Some(token) => Err(token.error("a closing bracket without an opening one")),
    }
}

#[derive(Clone, PartialEq, Debug)]
struct Token {
    /// The first character, counted from 1.
    at: usize,
    kind: TokenKind,
}

#[derive(Clone, PartialEq, Debug)]
enum TokenKind {
    Open,
    Close,
    Not,
    Op(Op),
    Word(String),
    Quoted(String),
}

impl Token {
    fn error(&self, message: impl Into<String>) -> FilterError {
        FilterError { at: self.at, message: message.into() }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, FilterError> {
    let chars: Vec<char> = text.chars().collect();
    let at = |index: usize| chars.get(index).copied();
    let mut found = Vec::new();
    let mut index = 0;
    while let Some(c) = at(index) {
        let start = index;
        let two = at(index + 1) == Some('=');
        let kind = match c {
            _ if c.is_whitespace() => {
                index += 1;
                continue;
            }
            '(' => TokenKind::Open,
            ')' => TokenKind::Close,
            '!' if two => TokenKind::Op(Op::Unequal),
            '!' => TokenKind::Not,
            ':' => TokenKind::Op(Op::Has),
            '=' => TokenKind::Op(Op::Equal),
            '<' if two => TokenKind::Op(Op::LessEqual),
            '<' => TokenKind::Op(Op::Less),
            '>' if two => TokenKind::Op(Op::GreaterEqual),
            '>' => TokenKind::Op(Op::Greater),
            '"' => {
                let length = chars.iter().skip(start + 1).position(|c| *c == '"');
                let Some(length) = length else {
                    return Err(FilterError {
                        at: start + 1,
                        message: "the quotes are not closed".to_owned(),
                    });
                };
                index = start + length + 1;
                TokenKind::Quoted(chars.iter().skip(start + 1).take(length).collect())
            }
            _ => {
                // The value after an operator may hold colons, as addresses do; a name may not.
                let is_value = matches!(found.last(), Some(Token { kind: TokenKind::Op(_), .. }));
                let ends = |c: &char| {
                    c.is_whitespace()
                        || matches!(c, '(' | ')' | '"' | '<' | '>' | '=')
                        || (matches!(c, ':' | '!') && !is_value)
                };
                let word: String = chars.iter().skip(start).take_while(|c| !ends(c)).collect();
                index = start + word.chars().count() - 1;
                TokenKind::Word(word)
            }
        };
        index +=
            if matches!(kind, TokenKind::Op(Op::Unequal | Op::LessEqual | Op::GreaterEqual)) { 2 } else { 1 };
        found.push(Token { at: start + 1, kind });
    }
    Ok(found)
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    /// Behind the last character.
    end: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn is_word(&self, word: &str) -> bool {
        // Before an operator it is the name of a column.
        let named = matches!(self.tokens.get(self.next + 1), Some(Token { kind: TokenKind::Op(_), .. }));
        !named
            && matches!(self.peek(), Some(Token { kind: TokenKind::Word(it), .. }) if it.eq_ignore_ascii_case(word))
    }

    fn at_end(&self, message: &str) -> FilterError {
        FilterError { at: self.end, message: message.to_owned() }
    }

    fn any<R: Row>(&mut self) -> Result<Node, FilterError> {
        let mut nodes = vec![self.all::<R>()?];
        while self.is_word("or") {
            self.next += 1;
            nodes.push(self.all::<R>()?);
        }
        Ok(one_or(nodes, Node::Any))
    }

    fn all<R: Row>(&mut self) -> Result<Node, FilterError> {
        let mut nodes = vec![self.single::<R>()?];
        loop {
            if self.is_word("and") {
                self.next += 1;
            } else if self.is_word("or")
                || matches!(self.peek(), None | Some(Token { kind: TokenKind::Close, .. }))
            {
                return Ok(one_or(nodes, Node::All));
            }
            nodes.push(self.single::<R>()?);
        }
    }

    fn single<R: Row>(&mut self) -> Result<Node, FilterError> {
        self.depth += 1;
        let node = self.nested::<R>();
        self.depth -= 1;
        node
    }

    fn nested<R: Row>(&mut self) -> Result<Node, FilterError> {
        let Some(token) = self.tokens.get(self.next) else {
            return Err(self.at_end("something is missing here"));
        };
        if self.depth > DEPTH {
            return Err(token.error("brackets are nested too deeply"));
        }
        self.next += 1;
        match &token.kind {
            TokenKind::Not => Ok(Node::Not(Box::new(self.single::<R>()?))),
            TokenKind::Open => {
                let node = self.any::<R>()?;
                match self.peek() {
                    Some(Token { kind: TokenKind::Close, .. }) => {
                        self.next += 1;
                        Ok(node)
                    }
                    _ => Err(self.at_end("a closing bracket is missing")),
                }
            }
            TokenKind::Quoted(word) => Ok(Node::Word(word.to_lowercase())),
            TokenKind::Word(word) => {
                match self.peek() {
                    Some(Token { kind: TokenKind::Op(op), .. }) => {
                        let (op, at, name) = (*op, token.at, word.clone());
                        self.next += 1;
                        self.test::<R>(&name, at, op)
                    }
                    _ if word.eq_ignore_ascii_case("or") || word.eq_ignore_ascii_case("and") => Err(token
                        .error(format!("nothing stands before \"{word}\"; quote it to look for the word"))),
                    _ => Ok(Node::Word(word.to_lowercase())),
                }
            }
            TokenKind::Close => Err(token.error("nothing stands before the closing bracket")),
            TokenKind::Op(_) => Err(token.error("the name of a column is missing before this")),
        }
    }

    fn test<R: Row>(&mut self, name: &str, at: usize, op: Op) -> Result<Node, FilterError> {
        let Some(field) = find::<R>(name) else {
            let names = R::FIELDS.iter().flat_map(|field| field.names).copied();
            let near = names.min_by_key(|known| strsim::damerau_levenshtein(&name.to_lowercase(), known));
            let message =
                format!("there is no column \"{name}\"; did you mean \"{}\"?", near.unwrap_or_default());
            return Err(FilterError { at, message });
        };
        let Some(token) = self.tokens.get(self.next) else {
            return Err(self.at_end("a value is missing here"));
        };
        self.next += 1;
        let (TokenKind::Word(value) | TokenKind::Quoted(value)) = &token.kind else {
            return Err(token.error("a value is missing here"));
        };
        let kind = R::FIELDS.get(field).map_or(Kind::Text, |field| field.kind);
        let operand = operand(kind, op, value).map_err(|message| token.error(message))?;
        Ok(Node::Test { field, op, operand })
    }
}

fn one_or(mut nodes: Vec<Node>, many: fn(Vec<Node>) -> Node) -> Node {
    match nodes.pop() {
        Some(only) if nodes.is_empty() => only,
        last => {
            nodes.extend(last);
            many(nodes)
        }
    }
}

fn operand(kind: Kind, op: Op, value: &str) -> Result<Operand, String> {
    let ordered = matches!(op, Op::Less | Op::LessEqual | Op::Greater | Op::GreaterEqual);
    if ordered && matches!(kind, Kind::Text | Kind::Flag | Kind::Address) {
        return Err("this column has no more and less; use \":\", \"=\" or \"!=\"".to_owned());
    }
    match kind {
        Kind::Text => Ok(Operand::Text(value.to_lowercase())),
        Kind::Number => {
            number(value).map(Operand::Number).ok_or_else(|| format!("\"{value}\" is not a number"))
        }
        Kind::Time => {
            let seconds = number(value).or_else(|| Some(humantime::parse_duration(value).ok()?.as_secs()));
            seconds
                .map(Operand::Number)
                .ok_or_else(|| format!("\"{value}\" is not a time like 90s, 10m or 2h"))
        }
        Kind::Moment => {
            let time = || u64::try_from(humantime::parse_duration(value).ok()?.as_micros()).ok();
            let micros = number(value).and_then(|millis| millis.checked_mul(1000)).or_else(time);
            micros.map(Operand::Number).ok_or_else(|| format!("\"{value}\" is not a time like 200ms or 2s"))
        }
        Kind::Flag => match value.to_ascii_lowercase().as_str() {
            "yes" | "true" | "1" => Ok(Operand::Flag(true)),
            "no" | "false" | "0" => Ok(Operand::Flag(false)),
            _ => Err(format!("\"{value}\" is neither yes nor no")),
        },
        Kind::Address => {
            let part = |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | ':');
            match network(value) {
                Some(network) => Ok(Operand::Network(network)),
                None if !value.is_empty() && value.chars().all(part) => {
                    Ok(Operand::Text(value.to_lowercase()))
                }
                None => Err(format!("\"{value}\" is neither an address nor a network like 10.0.0.0/8")),
            }
        }
        Kind::Rooms if ordered => {
            number(value).map(Operand::Number).ok_or_else(|| format!("\"{value}\" is not a number of rooms"))
        }
        Kind::Rooms => Ok(Operand::Room(value.to_lowercase(), value.parse().ok())),
    }
}

/// A number, with `k`, `m` or `g` behind it for thousands, millions and so on.
fn number(text: &str) -> Option<u64> {
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let (digits, factor) = match text.char_indices().next_back()? {
        (at, 'k' | 'K') => (text.get(..at)?, 1_000),
        (at, 'M') => (text.get(..at)?, 1_000_000),
        (at, 'G') => (text.get(..at)?, 1_000_000_000),
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}
