//! What form an expression may have, so that its cost is bounded whatever it is worked out over.

use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue};
use cel::{IdedExpr, Program};

use super::InvalidExpression;
use super::copies::{self, Place};
use super::patterns::Patterns;

/// Most terms (operators, names, literals, members, calls).
const MAX_TERMS: usize = 500;

/// How deep brackets may be nested: the parser goes down with them.
const MAX_NESTING: usize = 32;

/// Most operators and members without a comma between: each goes one deeper.
const MAX_CHAIN: usize = 100;

/// The names an expression may use.
pub(super) const NAMES: [&str; 3] = ["event", "headers", "body"];

/// The functions an expression may use, beside CEL's operators and macros.
const FUNCTIONS: [&str; 10] = [
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "string",
    "int",
    "uint",
    "double",
    "bytes",
];

/// What is looked for in a list for each member of another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Searches {
    #[default]
    Nothing,
    /// Something of the member.
    Each,
    /// One and the same thing. The crate copies that thing for each comparison with another kind of value, so this costs
    /// the list's square times its size.
    Again,
}

/// What an expression needs.
#[derive(Clone, Debug, Default)]
pub(super) struct Form {
    /// It looks into the payload.
    pub body: bool,
    /// It goes through lists or objects.
    pub loops: bool,
    /// What it looks for in lists, within a macro.
    pub searches: Searches,
    /// What every member of a list that it makes has a copy of, and what it looks for in a list, outside of a macro.
    pub copies: Vec<Place>,
    pub patterns: Patterns,
}

/// Refuses what a parser would go down with too deeply, before it does: brackets, and chains of operators
/// and members. Those in texts count too: nobody needs so many there.
pub(super) fn nesting(text: &str) -> Result<(), InvalidExpression> {
    let (mut depth, mut chain) = (0_usize, 0_usize);
    for (at, c) in text.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            ',' => chain = 0,
            '.' | '+' | '-' | '*' | '/' | '%' | '<' | '>' | '=' | '!' | '&' | '|' | '?' => chain += 1,
            _ => {}
        }
        if depth > MAX_NESTING {
            let why = format!("its brackets are nested more than {MAX_NESTING} deep");
            return Err(InvalidExpression::new(at, why));
        }
        if chain > MAX_CHAIN {
            let why = format!("it has more than {MAX_CHAIN} operators in a row");
            return Err(InvalidExpression::new(at, why));
        }
    }
    Ok(())
}

/// Checks a parsed expression.
pub(super) fn check(program: &Program) -> Result<Form, InvalidExpression> {
    let mut walk = Walk {
        program,
        terms: 0,
        scope: Vec::new(),
        form: Form::default(),
    };
    walk.expression(program.expression(), false)?;
    Ok(walk.form)
}

struct Walk<'a> {
    program: &'a Program,
    terms: usize,
    /// Names that macros have brought in.
    scope: Vec<&'a str>,
    form: Form,
}

impl<'a> Walk<'a> {
    fn wrong(&self, expression: &IdedExpr, why: impl Into<String>) -> InvalidExpression {
        let place = self.program.source_info().offset_for(expression.id);
        let at = place.and_then(|(start, _)| usize::try_from(start).ok());
        InvalidExpression::new(at.unwrap_or(0), why)
    }

    /// `in_loop`: it is worked out for each member of something.
    fn expression(&mut self, expression: &'a IdedExpr, in_loop: bool) -> Result<(), InvalidExpression> {
        self.terms += 1;
        if self.terms > MAX_TERMS {
            return Err(self.wrong(expression, format!("it has more than {MAX_TERMS} terms")));
        }
        match &expression.expr {
            Expr::Unspecified => Err(self.wrong(expression, "it cannot be read")),
            Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => self.name(expression, name),
            Expr::Select(select) => self.expression(&select.operand, in_loop),
            Expr::List(list) => list
                .elements
                .iter()
                .try_for_each(|one| self.expression(one, in_loop)),
            Expr::Map(map) => map.entries.iter().try_for_each(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => {
                    self.expression(&entry.key, in_loop)?;
                    self.expression(&entry.value, in_loop)
                }
                EntryExpr::StructField(field) => self.expression(&field.value, in_loop),
            }),
            Expr::Call(call) => self.call(expression, call, in_loop),
            Expr::Comprehension(_) if in_loop => {
                let why =
                    "a macro over a list stands inside another: the work would grow with the list's square";
                Err(self.wrong(expression, why))
            }
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Struct(_) => {
                Err(self.wrong(expression, "it makes a message; only lists and maps can be made"))
            }
        }
    }

    fn name(&mut self, expression: &IdedExpr, name: &str) -> Result<(), InvalidExpression> {
        if self.scope.contains(&name) {
            return Ok(());
        }
        if !NAMES.contains(&name) {
            let why = format!("there is no `{name}` here; there are {}", NAMES.join(", "));
            return Err(self.wrong(expression, why));
        }
        self.form.body |= name == "body";
        Ok(())
    }

    fn call(
        &mut self,
        expression: &IdedExpr,
        call: &'a CallExpr,
        in_loop: bool,
    ) -> Result<(), InvalidExpression> {
        let name = call.func_name.as_str();
        // Operators are calls too, with names that nobody can write: `_&&_`, `!_`, `@in`.
        let is_operator = !name.chars().all(|c| c.is_alphanumeric() || c == '_');
        if !is_operator && !FUNCTIONS.contains(&name) {
            let why = format!(
                "there is no function `{name}` here; there are {}",
                FUNCTIONS.join(", ")
            );
            return Err(self.wrong(expression, why));
        }
        if name == "matches" {
            self.pattern(expression, call)?;
        }
        if copies::searches(call) {
            self.form.loops = true;
            if in_loop {
                let again = copies::looks_for_the_same(call, &self.scope);
                let searches = if again { Searches::Again } else { Searches::Each };
                self.form.searches = self.form.searches.max(searches);
            } else {
                copies::add_wanted(call, &mut self.form.copies);
            }
        }
        if let Some(target) = &call.target {
            self.expression(target, in_loop)?;
        }
        call.args.iter().try_for_each(|one| self.expression(one, in_loop))
    }

    /// A pattern that a sender could choose could cost anything, and one that is compiled for every
    /// member of a list would.
    fn pattern(&mut self, expression: &IdedExpr, call: &CallExpr) -> Result<(), InvalidExpression> {
        let Some(Expr::Literal(LiteralValue::String(pattern))) = call.args.last().map(|last| &last.expr)
        else {
            return Err(self.wrong(
                expression,
                "the pattern of `matches` must be written out as a text",
            ));
        };
        let added = self.form.patterns.add(pattern.inner());
        added.map_err(|why| {
            self.wrong(
                expression,
                format!("the pattern of `matches` cannot be used: {why}"),
            )
        })
    }

    fn comprehension(&mut self, loops: &'a ComprehensionExpr) -> Result<(), InvalidExpression> {
        self.form.loops = true;
        copies::add(loops, &mut self.form.copies);
        self.expression(&loops.iter_range, false)?;
        self.expression(&loops.accu_init, false)?;
        let outer = self.scope.len();
        self.scope.push(&loops.accu_var);
        self.scope.push(&loops.iter_var);
        self.scope.extend(loops.iter_var2.as_deref());
        self.expression(&loops.loop_cond, true)?;
        self.expression(&loops.loop_step, true)?;
        self.expression(&loops.result, true)?;
        self.scope.truncate(outer);
        Ok(())
    }
}
