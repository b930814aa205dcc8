//! A text with blocks and marks, as people see it.

/// A text: its blocks in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RichText {
    /// The blocks. A text that nobody wrote in has one empty paragraph.
    pub blocks: Vec<Block>,
}

/// One block of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Type of the block; `paragraph` is the only one that this version writes.
    pub kind: String,
    /// Pieces of text; neighbours differ in their marks.
    pub spans: Vec<Span>,
}

/// A piece of text with the same marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The letters, as they stand in the document.
    pub text: String,
    /// Whether it is marked `strong`.
    pub strong: bool,
    /// Whether it is marked `em`.
    pub em: bool,
}

/// Type of the blocks that this version writes.
pub(crate) const PARAGRAPH: &str = "paragraph";

impl RichText {
    /// Says whether there are no letters.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blocks
            .iter()
            .all(|block| block.spans.iter().all(|span| span.text.is_empty()))
    }

    pub(crate) fn open(&mut self, kind: &str) {
        self.blocks.push(Block {
            kind: kind.to_owned(),
            spans: Vec::new(),
        });
    }

    /// Puts text at the end of the last block; text before the first block opens a paragraph.
    pub(crate) fn push(&mut self, text: &str, strong: bool, em: bool) {
        if self.blocks.is_empty() {
            self.open(PARAGRAPH);
        }
        let Some(block) = self.blocks.last_mut() else {
            return;
        };
        match block.spans.last_mut() {
            Some(span) if (span.strong, span.em) == (strong, em) => span.text.push_str(text),
            _ if text.is_empty() => {}
            _ => block.spans.push(Span {
                text: text.to_owned(),
                strong,
                em,
            }),
        }
    }
}
