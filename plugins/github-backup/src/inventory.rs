//! What is stored in Hookyard: one entry per process, without its script, so that ten thousand
//! scripts never stand in memory together.

use hookyard_plugin_sdk::Failure;
use hookyard_plugin_sdk::processes::{self, Process};

use crate::blob;
use crate::names::Names;

/// Processes asked for at once. The host stops a page at 4 MiB of script.
const PAGE: u32 = 200;

/// Processes of one backup: ten times what one is made for, and their list still fits in memory.
const MAX_PROCESSES: usize = 100_000;

/// Bytes of the largest script: as base64 it just fits the host's bound of 8 MiB a request.
pub(crate) const MAX_SCRIPT: usize = 5 * 1024 * 1024;

/// One process and the file it should be.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) code: String,
    /// Name of the file inside the folder.
    pub(crate) file: String,
    /// Git's id of the script.
    pub(crate) sha: String,
    /// Bytes of the script.
    pub(crate) size: usize,
}

/// Every stored process, in order of the codes.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    pub(crate) items: Vec<Item>,
}

impl Inventory {
    /// Reads all processes, a page at a time.
    pub(crate) fn read() -> Result<Self, Failure> {
        let mut items: Vec<Item> = Vec::new();
        let mut ages: Vec<(u64, usize)> = Vec::new();
        loop {
            let page = processes::page(items.last().map(|item| &*item.code), PAGE)?;
            if page.is_empty() {
                break;
            }
            for process in page {
                ages.push((process.created_at, items.len()));
                items.push(item(process));
            }
            if items.len() > MAX_PROCESSES {
                return Err(Failure::reject(format!(
                    "there are more than {MAX_PROCESSES} processes; a backup takes that many at most"
                )));
            }
        }
        // The oldest keeps the plain name, so that a new process never renames an old one's file.
        ages.sort_unstable();
        let mut names = Names::default();
        for (_, index) in ages {
            items[index].file = names.give(&items[index].code);
        }
        Ok(Self { items })
    }

    /// Reads the scripts of these items again (ascending indexes) and gives each to `take`. A
    /// process that has gone since is left out.
    pub(crate) fn scripts<E: From<Failure>>(
        &self,
        wanted: &[usize],
        mut take: impl FnMut(usize, Process) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut next = 0;
        let mut cursor: Option<String> = None;
        while let Some(&first) = wanted.get(next) {
            let before = first.checked_sub(1).map(|index| self.items[index].code.clone());
            cursor = cursor.max(before);
            let run = run_length(&wanted[next..]);
            let page = processes::page(cursor.as_deref(), run).map_err(Failure::from)?;
            let Some(last) = page.last() else { break };
            cursor = Some(last.code.clone());
            for process in page {
                while wanted
                    .get(next)
                    .is_some_and(|&index| self.items[index].code < process.code)
                {
                    next += 1;
                }
                if let Some(&index) = wanted.get(next)
                    && self.items[index].code == process.code
                {
                    next += 1;
                    take(index, process)?;
                }
            }
        }
        Ok(())
    }
}

fn item(process: Process) -> Item {
    Item {
        file: String::new(),
        sha: blob::id(process.script.as_bytes()),
        size: process.script.len(),
        code: process.code,
    }
}

/// How many of the indexes follow one another, as far as one page goes.
fn run_length(indexes: &[usize]) -> u32 {
    let run = indexes
        .windows(2)
        .take_while(|pair| pair[1] == pair[0] + 1)
        .count();
    u32::try_from(run + 1).unwrap_or(PAGE).min(PAGE)
}

#[cfg(test)]
mod tests {
    use hookyard_plugin_sdk::testing::Host;

    use super::*;
    use crate::tests::process;

    fn host(codes: &[&str]) -> Host {
        codes.iter().fold(Host::new(), |host, code| {
            host.process(process(code, &format!("# {code}")))
        })
    }

    #[test]
    fn only_the_wanted_scripts_are_read_again() {
        let codes: Vec<String> = (0..450).map(|n| format!("p{n:03}")).collect();
        let codes: Vec<&str> = codes.iter().map(String::as_str).collect();
        let _host = host(&codes);
        let inventory = Inventory::read().unwrap();
        assert_eq!(inventory.items.len(), 450);
        for wanted in [
            vec![],
            vec![0],
            vec![449],
            vec![0, 1, 2, 7, 449],
            (0..450).collect::<Vec<_>>(),
        ] {
            let mut seen = Vec::new();
            inventory
                .scripts(&wanted, |index, process| {
                    assert_eq!(process.script, format!("# {}", codes[index]));
                    seen.push(index);
                    Ok::<_, Failure>(())
                })
                .unwrap();
            assert_eq!(seen, wanted);
        }
    }

    #[test]
    fn processes_that_come_and_go_between_do_no_harm() {
        let before = host(&["a", "c", "e"]);
        let inventory = Inventory::read().unwrap();
        drop(before);
        let _after = host(&["a", "b", "bb", "e", "f"]);
        let mut seen = Vec::new();
        inventory
            .scripts(&[1, 2], |index, process| {
                seen.push((index, process.code));
                Ok::<_, Failure>(())
            })
            .unwrap();
        assert_eq!(seen, [(2, "e".to_owned())]);
    }

    #[test]
    fn the_oldest_keeps_the_plain_name() {
        let mut old = process("report", "1");
        old.created_at = 1;
        let mut new = process("REPORT", "2");
        new.created_at = 2;
        let _host = Host::new().process(new).process(old);
        let inventory = Inventory::read().unwrap();
        let files: Vec<_> = inventory.items.iter().map(|item| &*item.file).collect();
        assert!(
            files[0].starts_with("REPORT-") && files[1] == "report.py",
            "{files:?}"
        );
    }
}
