//! Types in words.

use wit_parser::{Function, Handle, Resolve, Type, TypeDefKind};

use super::compare::{parts, plain};
use crate::wasm::text;

/// Longest shown type, in bytes.
const MAX_TYPE_BYTES: usize = 400;

/// Writes types as WIT has them, with named ones spelled out, up to a bound.
pub(super) struct Printer<'a> {
    resolve: &'a Resolve,
    text: String,
}

impl<'a> Printer<'a> {
    /// A type, with the named ones in it spelled out.
    pub(super) fn ty(resolve: &'a Resolve, ty: &Type) -> String {
        let mut printer = Self {
            resolve,
            text: String::new(),
        };
        printer.write(ty);
        printer.finish()
    }

    /// A function, with the names of its types.
    pub(super) fn function(resolve: &'a Resolve, function: &Function) -> String {
        let mut printer = Self {
            resolve,
            text: "func(".to_owned(),
        };
        for (at, param) in function.params.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            printer.push(&format!("{comma}{}: ", param.name));
            printer.named(&param.ty);
        }
        printer.push(")");
        if let Some(result) = &function.result {
            printer.push(" -> ");
            printer.named(result);
        }
        printer.finish()
    }

    fn finish(self) -> String {
        text::tidy(&self.text, MAX_TYPE_BYTES)
    }

    fn push(&mut self, text: &str) {
        if self.text.len() <= MAX_TYPE_BYTES {
            self.text.push_str(text);
        }
    }

    /// A type by its name, where it has one: functions are easier to read so.
    fn named(&mut self, ty: &Type) {
        let name = match ty {
            Type::Id(id) => self.resolve.types[*id].name.clone(),
            _ => None,
        };
        match name {
            Some(name) => self.push(&name),
            None => self.write_with(ty, Self::named),
        }
    }

    fn write(&mut self, ty: &Type) {
        self.write_with(ty, Self::write);
    }

    fn write_with(&mut self, ty: &Type, inner: fn(&mut Self, &Type)) {
        if self.text.len() > MAX_TYPE_BYTES {
            return;
        }
        let Type::Id(id) = plain(self.resolve, *ty) else {
            let word = format!("{:?}", plain(self.resolve, *ty)).to_ascii_lowercase();
            return self.push(&word);
        };
        let resolve = self.resolve;
        let kind = &resolve.types[id].kind;
        match kind {
            TypeDefKind::Record(_)
            | TypeDefKind::Variant(_)
            | TypeDefKind::Enum(_)
            | TypeDefKind::Flags(_) => {
                self.push(kind.as_str());
                self.push(" { ");
                for (at, part) in parts(kind).into_iter().enumerate() {
                    let name = part.label.split('`').nth(1).unwrap_or_default().to_owned();
                    self.push(if at == 0 { "" } else { ", " });
                    self.push(&name);
                    if let Some(ty) = part.ty {
                        self.push(": ");
                        inner(self, &ty);
                    }
                }
                self.push(" }");
            }
            TypeDefKind::Handle(Handle::Own(id) | Handle::Borrow(id)) => {
                let name = resolve.types[*id].name.clone().unwrap_or_default();
                self.push(&format!("{}<{name}>", kind.as_str()));
            }
            _ => {
                self.push(kind.as_str());
                let parts = parts(kind);
                if parts.iter().all(|part| part.ty.is_none()) {
                    return;
                }
                self.push("<");
                for (at, part) in parts.iter().enumerate() {
                    self.push(if at == 0 { "" } else { ", " });
                    match &part.ty {
                        Some(ty) => inner(self, ty),
                        None => self.push("_"),
                    }
                }
                self.push(">");
            }
        }
    }
}
