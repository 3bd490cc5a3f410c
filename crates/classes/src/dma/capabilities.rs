use std::ops::BitOr;

/// Kinds of transfers: a `dma_cap_mask_t` of `enum dma_transaction_type` (`include/linux/dmaengine.h`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Kinds(u8);

impl Kinds {
    /// From one piece of memory to another: `DMA_MEMCPY`.
    pub const MEMCPY: Kinds = Kinds(1);
    /// From a list of pieces to a list of pieces: `DMA_MEMCPY_SG`, which dmaengine had until 2022 and took out again
    /// because nobody in the kernel used it; `DMA_SLAVE` with lists lives on.
    pub const SCATTER_GATHER: Kinds = Kinds(2);
    /// Round and round, period by period, until it is terminated: `DMA_CYCLIC`.
    pub const CYCLIC: Kinds = Kinds(4);

    /// Whether all of `others` are among them.
    pub fn contain(self, others: Kinds) -> bool {
        self.0 & others.0 == others.0
    }
}

impl BitOr for Kinds {
    type Output = Kinds;

    fn bitor(self, other: Kinds) -> Kinds {
        Kinds(self.0 | other.0)
    }
}

/// How exactly a provider can say how far it has come: `enum dma_residue_granularity`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Granularity {
    /// Only whether a descriptor is done.
    Descriptor,
    /// By segments, or periods.
    Segment,
    /// By what it copies in one go.
    Burst,
}

/// What a provider can do, as `struct dma_device` and `struct dma_slave_caps` say it. It does not change while the
/// provider is plugged in, and can be asked of a zombie.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Capabilities {
    /// Which kinds of transfers.
    pub kinds: Kinds,
    /// How many channels it has.
    pub channels: usize,
    /// How exact a residue is.
    pub granularity: Granularity,
    /// Whether a channel can be paused and resumed (`cmd_pause`, `cmd_resume`).
    pub pause: bool,
}
