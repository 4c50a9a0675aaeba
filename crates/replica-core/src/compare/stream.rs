//! A side's rows, in blocks or one by one, without decoding them.
use super::Reading;
use super::comparison::ComparisonQuery;
use super::part::FingerprintsByGroup;
use super::sketch::Sketch;
use crate::error::Result;
use crate::read::Rows;
use crate::session::Session;
use crate::tds::columns::WireColumn;
use crate::tds::fingerprint::Fingerprint;
use crate::tds::row::Block;

/// Of a row that is longer, [`Stream::keep_rest`] does not keep the end.
pub(crate) const MOST_ROW: usize = 16 << 20;
/// So much of a row is enough to know its key, and the first block of a long row has more.
const MOST_KEY: usize = 64 << 10;

/// Everything that one pass over a side says.
#[derive(Debug)]
pub(crate) struct Sums {
    pub total: Fingerprint,
    /// By what the question tells rows apart by, if it does and there are not too many.
    pub groups: Option<FingerprintsByGroup>,
    pub sketch: Option<Sketch>,
}

/// Reads a side to its end. `sketch`: notes every row's hash, to tell which ones the other side lacks.
pub(crate) async fn sums(
    session: &mut Session,
    question: ComparisonQuery,
    reading: &Reading<'_>,
    sketch: bool,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Sums> {
    let is_grouped = question.lead > 0;
    let mut stream = Stream::open(session, question, reading, is_grouped).await?;
    let mut sketch = sketch.then(Sketch::default);
    if let Some(sketch) = &mut sketch {
        while stream.next().await? {
            stream.pass_rest().await?;
            sketch.add(stream.hash);
            if stream.number % 1000 == 0 {
                progress(stream.number);
            }
        }
    } else {
        while let Some(block) = stream.block().await? {
            stream.buffer = block.bytes;
            progress(stream.rows.fingerprint().rows);
        }
    }
    let groups = stream.rows.take_grouped().and_then(|sums| sums.finish());
    Ok(Sums { total: stream.rows.fingerprint(), groups, sketch })
}

/// Rows one by one, of which the first block is kept, and no more unless somebody wants it.
pub(crate) struct Stream<'a> {
    rows: Rows<'a>,
    reading: &'a Reading<'a>,
    buffer: Vec<u8>,
    one_by_one: bool,
    so_far: Fingerprint,
    lead: usize,
    /// The current row in bulk form: all of a short one, the first block of a long one.
    pub row: Vec<u8>,
    /// The row has been read to its end.
    pub is_whole: bool,
    /// What comes next of a long row: see [`Self::more`].
    pub piece: Vec<u8>,
    /// The row before it, or so much of it that its key is there.
    pub previous: Vec<u8>,
    /// Without the columns before the row proper. Known once the row has been read to its end.
    pub hash: u128,
    pub number: u64,
}

impl<'a> Stream<'a> {
    pub(crate) async fn open(
        session: &'a mut Session,
        question: ComparisonQuery,
        reading: &'a Reading<'a>,
        sums: bool,
    ) -> Result<Self> {
        let mut rows = Rows::open(session.lane()?, question.query).await?;
        rows.set_unhashed_columns(question.lead, sums);
        if reading.comparison.pad_decimals {
            rows.pad_decimals();
        }
        Ok(Self {
            rows,
            reading,
            buffer: Vec::new(),
            one_by_one: false,
            so_far: Fingerprint::default(),
            lead: question.lead,
            row: Vec::new(),
            is_whole: true,
            piece: Vec::new(),
            previous: Vec::new(),
            hash: 0,
            number: 0,
        })
    }

    /// The columns as they arrive, and how many of them come before the row proper.
    pub(crate) fn columns(&self) -> (&[WireColumn], usize) {
        (self.rows.columns(), self.lead)
    }

    /// Count and hash of all rows so far.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.rows.fingerprint()
    }

    /// The next rows, whatever their number.
    async fn block(&mut self) -> Result<Option<Block>> {
        let block = self.rows.next(std::mem::take(&mut self.buffer)).await?;
        if let Some(block) = &block {
            self.reading.throttle.take(block.bytes.len()).await;
        }
        Ok(block)
    }

    /// Goes to the next row, and reads its first block; `false` after the last.
    pub(crate) async fn next(&mut self) -> Result<bool> {
        if !self.one_by_one {
            self.rows.set_chunk_rows(1);
            self.one_by_one = true;
        }
        self.pass_rest().await?;
        self.piece = Vec::new();
        std::mem::swap(&mut self.row, &mut self.previous);
        if self.previous.len() > MOST_KEY {
            self.previous.truncate(MOST_KEY);
            self.previous.shrink_to(MOST_KEY);
        }
        self.row.clear();
        let Some(block) = self.block().await? else { return Ok(false) };
        self.row.extend_from_slice(&block.bytes);
        self.number += 1;
        self.take(block);
        Ok(true)
    }

    /// Reads what comes next of the row into `piece`; `false`: the row has ended.
    pub(crate) async fn more(&mut self) -> Result<bool> {
        if self.is_whole {
            return Ok(false);
        }
        // Not one buffer more than it takes: what was read last is where the next is read into.
        self.buffer = std::mem::take(&mut self.piece);
        let Some(block) = self.block().await? else {
            self.is_whole = true;
            return Ok(false);
        };
        self.take(block);
        std::mem::swap(&mut self.piece, &mut self.buffer);
        Ok(true)
    }

    fn take(&mut self, block: Block) {
        self.is_whole = block.whole;
        if block.whole {
            let mut this = self.rows.fingerprint();
            this -= self.so_far;
            self.so_far = self.rows.fingerprint();
            self.hash = this.hash;
        }
        self.buffer = block.bytes;
    }

    /// Reads the row to its end.
    pub(crate) async fn pass_rest(&mut self) -> Result<()> {
        while self.more().await? {}
        Ok(())
    }

    /// As [`Self::pass_rest`], and keeps the row; `false`: not all of it, because it is too long.
    pub(crate) async fn keep_rest(&mut self) -> Result<bool> {
        let mut is_all = true;
        while self.more().await? {
            let room = MOST_ROW.saturating_sub(self.row.len()).min(self.piece.len());
            self.row.extend_from_slice(&self.piece[..room]);
            is_all &= room == self.piece.len();
        }
        Ok(is_all)
    }

    /// Leaves the rest unread; the connection is ready for the next request.
    pub(crate) async fn cancel(self) -> Result<()> {
        self.rows.cancel().await
    }
}
