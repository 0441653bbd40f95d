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
