//! Pages of lists.

/// Which page of a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// 1 is the first.
    pub page: u32,
    /// Rows per page, 1 to [`MAX_PAGE_SIZE`].
    pub size: u32,
}

/// Most rows in one page: bounds the memory of one request.
pub const MAX_PAGE_SIZE: u32 = 100;
/// Rows per page when nobody says.
pub const DEFAULT_PAGE_SIZE: u32 = 20;

impl PageRequest {
    /// Rows before this page.
    #[must_use]
    pub fn offset(self) -> u64 {
        u64::from(self.page.saturating_sub(1)) * u64::from(self.size)
    }
}

/// One page, and how many rows there are in all.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub total: u64,
    pub items: Vec<T>,
}

/// How many rows there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Total {
    pub count: u64,
    /// When not, there are more than `count`.
    pub exact: bool,
}

impl Total {
    /// So many, no more.
    #[must_use]
    pub const fn exactly(count: u64) -> Self {
        Self { count, exact: true }
    }

    /// What counting to one beyond `bound` came to.
    #[must_use]
    pub const fn counted(found: u64, bound: u64) -> Self {
        if found > bound {
            Self {
                count: bound,
                exact: false,
            }
        } else {
            Self::exactly(found)
        }
    }
}

/// Up to how many rows a list counts what no counter knows: counting goes through the rows.
pub const COUNT_BOUND: u32 = 10_000;

/// One page of a list that may be too long to be counted.
#[derive(Clone, Debug)]
pub struct Listed<T> {
    /// See [`Total`].
    pub total: u64,
    pub exact: bool,
    pub items: Vec<T>,
}

impl<T> Listed<T> {
    /// A page of so many rows in all.
    #[must_use]
    pub fn new(total: Total, items: Vec<T>) -> Self {
        Self {
            total: total.count,
            exact: total.exact,
            items,
        }
    }

    /// How many there are in all.
    #[must_use]
    pub const fn total(&self) -> Total {
        Total {
            count: self.total,
            exact: self.exact,
        }
    }
}
