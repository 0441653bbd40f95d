//! Where two types of two worlds differ first.

use wit_parser::{Function, Resolve, Type, TypeDefKind};

use super::Side;
use super::print::Printer;

/// Steps of a comparison. Types share parts, so that small ones can unfold without end.
const MAX_STEPS: u32 = 100_000;

/// The first place where two functions differ, with both types there.
pub(super) fn function_difference(
    (theirs, their): (Side<'_>, &Function),
    (ours, our): (Side<'_>, &Function),
    place: &str,
) -> Option<String> {
    let mut comparison = Comparison {
        theirs: theirs.resolve,
        ours: ours.resolve,
        steps: 0,
    };
    let whole = || {
        Some(format!(
            "{place}: the component has `{}`, Hookyard `{}`",
            Printer::function(theirs.resolve, their),
            Printer::function(ours.resolve, our)
        ))
    };
    if their.params.len() != our.params.len() || their.result.is_some() != our.result.is_some() {
        return whole();
    }
    for (mine, yours) in their.params.iter().zip(&our.params) {
        if mine.name != yours.name {
            return whole();
        }
        let place = format!("{place}, parameter `{}`", mine.name);
        if let Some(told) = comparison.of(&mine.ty, &yours.ty, &place) {
            return Some(told);
        }
    }
    let (mine, yours) = (their.result.as_ref()?, our.result.as_ref()?);
    comparison.of(mine, yours, &format!("{place}, result"))
}

struct Comparison<'a> {
    theirs: &'a Resolve,
    ours: &'a Resolve,
    steps: u32,
}

impl Comparison<'_> {
    /// Where two types differ first.
    fn of(&mut self, theirs: &Type, ours: &Type, place: &str) -> Option<String> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return None;
        }
        let (theirs, ours) = (plain(self.theirs, *theirs), plain(self.ours, *ours));
        let (Type::Id(their_id), Type::Id(our_id)) = (theirs, ours) else {
            return (theirs != ours).then(|| self.told(theirs, ours, place));
        };
        let (their_kind, our_kind) = (&self.theirs.types[their_id].kind, &self.ours.types[our_id].kind);
        let (mine, yours) = (parts(their_kind), parts(our_kind));
        let labels = |parts: &[Part]| {
            parts
                .iter()
                .map(|part| (part.label.clone(), part.ty.is_some()))
                .collect::<Vec<_>>()
        };
        if their_kind.as_str() != our_kind.as_str() || labels(&mine) != labels(&yours) {
            return Some(self.told(theirs, ours, place));
        }
        mine.iter().zip(&yours).find_map(|(mine, yours)| {
            let place = format!("{place}, {}", mine.label);
            self.of(mine.ty.as_ref()?, yours.ty.as_ref()?, &place)
        })
    }

    fn told(&self, theirs: Type, ours: Type, place: &str) -> String {
        format!(
            "{place}: the component has `{}`, Hookyard `{}`",
            Printer::ty(self.theirs, &theirs),
            Printer::ty(self.ours, &ours)
        )
    }
}

/// A type without the names that only stand for another.
pub(super) fn plain(resolve: &Resolve, mut ty: Type) -> Type {
    while let Type::Id(id) = ty {
        match resolve.types[id].kind {
            TypeDefKind::Type(aliased) => ty = aliased,
            _ => break,
        }
    }
    ty
}

/// A part of a type: a field, a case, an element.
pub(super) struct Part {
    pub(super) label: String,
    pub(super) ty: Option<Type>,
}

/// The parts of a type that has any.
pub(super) fn parts(kind: &TypeDefKind) -> Vec<Part> {
    let part = |label: String, ty: Option<Type>| Part { label, ty };
    match kind {
        TypeDefKind::Record(record) => {
            let fields = record.fields.iter();
            fields
                .map(|field| part(format!("field `{}`", field.name), Some(field.ty)))
                .collect()
        }
        TypeDefKind::Variant(variant) => {
            let cases = variant.cases.iter();
            cases
                .map(|case| part(format!("case `{}`", case.name), case.ty))
                .collect()
        }
        TypeDefKind::Enum(cases) => {
            let cases = cases.cases.iter();
            cases
                .map(|case| part(format!("case `{}`", case.name), None))
                .collect()
        }
        TypeDefKind::Flags(flags) => {
            let flags = flags.flags.iter();
            flags
                .map(|flag| part(format!("flag `{}`", flag.name), None))
                .collect()
        }
        TypeDefKind::Tuple(tuple) => {
            let types = tuple.types.iter().enumerate();
            types
                .map(|(at, ty)| part(format!("element {at}"), Some(*ty)))
                .collect()
        }
        TypeDefKind::List(ty) => vec![part("element".to_owned(), Some(*ty))],
        TypeDefKind::Option(ty) => vec![part("value".to_owned(), Some(*ty))],
        TypeDefKind::Result(result) => vec![
            part("ok".to_owned(), result.ok),
            part("error".to_owned(), result.err),
        ],
        _ => Vec::new(),
    }
}
