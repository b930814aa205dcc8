//! A document with the measures of the `automerge-paper` trace, one change for each letter.
//!
//! The trace itself comes in no package of a registry, so this one is made: the same 182,315 letters typed, 77,463
//! deleted and 104,852 left; words, corrections at the cursor, and jumps, by a fixed seed.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use automerge::transaction::Transactable;
use automerge::{ActorId, AutoCommit, ObjType, ROOT};

const TYPED: usize = 182_315;
const DELETED: usize = 77_463;
/// The most frequent words of English, as a stand-in for prose.
const WORDS: &str = "the of and to a in that it is was for on are as with his they be at one have this from or had by \
    hot but some what there we can out other were all your when up use word how said an each she which do their time \
    if will way about many then them would write like so these her long make thing see him two has look more day \
    could go come did my sound no most number who over know water than call first people may down side been now find \
    document change replica operation merge state network algorithm";

/// One letter, in or out.
#[derive(Debug, Clone, Copy)]
struct Stroke {
    at: usize,
    letter: Option<char>,
}

/// The saved document and its heads.
pub(crate) fn automerge(folder: &Path) -> Result<(Vec<u8>, Vec<u8>)> {
    let file = folder.join("paper-2.automerge");
    if !file.is_file() {
        let mut document = AutoCommit::new().with_actor(ActorId::from([3; 16]));
        let text = document.put_object(ROOT, "text", ObjType::Text)?;
        document.commit();
        for stroke in strokes() {
            match stroke.letter {
                Some(letter) => {
                    document.splice_text(&text, stroke.at, 0, letter.encode_utf8(&mut [0; 4]))?;
                }
                None => document.splice_text(&text, stroke.at, 1, "")?,
            }
            document.commit();
        }
        fs::write(&file, document.save())?;
    }
    let bytes = fs::read(&file)?;
    let mut document = AutoCommit::load(&bytes)?;
    let heads = document
        .get_heads()
        .iter()
        .flat_map(|head| head.0)
        .collect();
    Ok((bytes, heads))
}

/// The same strokes as one update of Yjs, made by Yjs.
pub(crate) fn yjs(folder: &Path, peers: &Path) -> Result<Vec<u8>> {
    let file = folder.join("paper-2.yjs");
    if !file.is_file() {
        let list: Vec<(usize, Option<char>)> = strokes()
            .into_iter()
            .map(|stroke| (stroke.at, stroke.letter))
            .collect();
        let listed = folder.join("paper-2.json");
        fs::write(&listed, serde_json::to_vec(&list)?)?;
        let status = Command::new("node")
            .arg("paper.mjs")
            .arg(&listed)
            .arg(&file)
            .current_dir(peers)
            .status()?;
        if !status.success() {
            bail!("Yjs could not make the document: {status}");
        }
    }
    fs::read(&file).context("Yjs made a file")
}

fn strokes() -> Vec<Stroke> {
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let mut chance = Chance(0x5eed);
    let mut strokes = Vec::with_capacity(TYPED + DELETED);
    let (mut typed, mut deleted, mut length, mut cursor) = (0, 0, 0, 0);
    while typed < TYPED || deleted < DELETED {
        // A look elsewhere in the text, most often close by.
        if chance.below(30) == 0 && length > 0 {
            cursor = match chance.below(4) {
                0 => chance.below(length + 1),
                _ => (cursor + chance.below(400)).saturating_sub(200).min(length),
            };
        }
        let word = words
            .get(chance.below(words.len()))
            .copied()
            .unwrap_or("the");
        for letter in word.chars().chain([' ']) {
            if typed < TYPED {
                strokes.push(Stroke {
                    at: cursor,
                    letter: Some(letter),
                });
                (typed, length, cursor) = (typed + 1, length + 1, cursor + 1);
            }
        }
        // Corrections keep pace with the typing.
        let due = typed * DELETED / TYPED;
        if deleted < due && (chance.below(3) == 0 || typed == TYPED) {
            for _ in 0..(due - deleted).min(chance.below(24) + 1).min(cursor) {
                cursor -= 1;
                strokes.push(Stroke {
                    at: cursor,
                    letter: None,
                });
                (deleted, length) = (deleted + 1, length - 1);
            }
            if cursor == 0 {
                cursor = length;
            }
        }
    }
    strokes
}

/// A fixed course of numbers.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_measures_are_those_of_the_trace() {
        let strokes = strokes();
        let typed = strokes
            .iter()
            .filter(|stroke| stroke.letter.is_some())
            .count();
        assert_eq!((typed, strokes.len() - typed), (TYPED, DELETED));
    }
}
