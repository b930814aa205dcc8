use super::bytes::{chunk, read_signed, read_unsigned, write_signed, write_unsigned};
use super::columns::{read_deltas, read_flags, read_runs, write_deltas, write_flags, write_runs};

/// A change taken apart, in which anything may be wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct RawChange {
    pub deps: Vec<[u8; 32]>,
    pub actor: Vec<u8>,
    pub seq: u64,
    pub start_op: u64,
    pub time: i64,
    pub message: Vec<u8>,
    pub others: Vec<Vec<u8>>,
    pub ops: Vec<RawOp>,
    pub extra: Vec<u8>,
}

/// One operation; actors are positions in the change's list, its own first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RawOp {
    pub obj_actor: Option<u64>,
    pub obj_counter: Option<u64>,
    pub key_actor: Option<u64>,
    pub key_counter: Option<i64>,
    pub key: Option<Vec<u8>>,
    pub insert: bool,
    pub action: u64,
    pub value_kind: u64,
    pub value: Vec<u8>,
    pub preds: Vec<(u64, i64)>,
    pub expand: bool,
    pub mark: Option<Vec<u8>>,
}

impl RawChange {
    /// Takes a raw change chunk apart.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut at = 9;
        read_unsigned(bytes, &mut at)?;
        let take = |at: &mut usize, length: usize| {
            let taken = bytes.get(*at..at.checked_add(length)?)?.to_vec();
            *at += length;
            Some(taken)
        };
        let at = &mut at;
        let count = read_unsigned(bytes, at)?;
        let mut deps = Vec::new();
        for _ in 0..count {
            deps.push(take(at, 32)?.try_into().ok()?);
        }
        let length = read_unsigned(bytes, at)? as usize;
        let actor = take(at, length)?;
        let (seq, start_op) = (read_unsigned(bytes, at)?, read_unsigned(bytes, at)?);
        let time = read_signed(bytes, at)?;
        let length = read_unsigned(bytes, at)? as usize;
        let message = take(at, length)?;
        let mut others = Vec::new();
        for _ in 0..read_unsigned(bytes, at)? {
            let length = read_unsigned(bytes, at)? as usize;
            others.push(take(at, length)?);
        }
        let mut layout = Vec::new();
        for _ in 0..read_unsigned(bytes, at)? {
            layout.push((
                read_unsigned(bytes, at)?,
                read_unsigned(bytes, at)? as usize,
            ));
        }
        let mut columns = Vec::new();
        for (spec, length) in layout {
            columns.push((spec, take(at, length)?));
        }
        let ops = read_ops(&columns)?;
        let extra = bytes.get(*at..)?.to_vec();
        Some(Self {
            deps,
            actor,
            seq,
            start_op,
            time,
            message,
            others,
            ops,
            extra,
        })
    }

    /// Writes the change as Automerge would.
    pub fn write(&self) -> Vec<u8> {
        self.write_with(|| false, |_| {})
    }

    /// Writes the change; `cut` breaks runs and `bend` gets the columns before they are joined.
    pub fn write_with(
        &self,
        mut cut: impl FnMut() -> bool,
        bend: impl FnOnce(&mut Vec<(u64, Vec<u8>)>),
    ) -> Vec<u8> {
        let mut body = Vec::new();
        write_unsigned(&mut body, self.deps.len() as u64);
        body.extend(self.deps.iter().flatten());
        write_bytes(&mut body, &self.actor);
        write_unsigned(&mut body, self.seq);
        write_unsigned(&mut body, self.start_op);
        write_signed(&mut body, self.time);
        write_bytes(&mut body, &self.message);
        write_unsigned(&mut body, self.others.len() as u64);
        for actor in &self.others {
            write_bytes(&mut body, actor);
        }
        let mut columns = write_ops(&self.ops, &mut cut);
        bend(&mut columns);
        write_unsigned(&mut body, columns.len() as u64);
        for (spec, bytes) in &columns {
            write_unsigned(&mut body, *spec);
            write_unsigned(&mut body, bytes.len() as u64);
        }
        body.extend(columns.into_iter().flat_map(|(_, bytes)| bytes));
        body.extend(&self.extra);
        chunk(1, &body)
    }

    /// The id of an operation as position of its actor in the list and counter.
    pub fn actor_of(&mut self, actor: &[u8]) -> u64 {
        if actor == self.actor {
            return 0;
        }
        let at = self.others.binary_search_by(|other| (**other).cmp(actor));
        match at {
            Ok(at) => at as u64 + 1,
            Err(at) => {
                self.others.insert(at, actor.to_vec());
                let moved = at as u64 + 1;
                for op in &mut self.ops {
                    op.each_actor(|actor| *actor += u64::from(*actor >= moved));
                }
                moved
            }
        }
    }

    /// Drops actors that no operation names, as Automerge does.
    pub fn drop_unused_actors(&mut self) {
        let mut at = self.others.len() as u64;
        while at > 0 {
            let mut is_used = false;
            for op in &mut self.ops {
                op.each_actor(|actor| is_used |= *actor == at);
            }
            if !is_used {
                self.others.remove(at as usize - 1);
                for op in &mut self.ops {
                    op.each_actor(|actor| *actor -= u64::from(*actor > at));
                }
            }
            at -= 1;
        }
    }
}

impl RawOp {
    pub fn each_actor(&mut self, mut each: impl FnMut(&mut u64)) {
        self.obj_actor.iter_mut().for_each(&mut each);
        self.key_actor.iter_mut().for_each(&mut each);
        self.preds.iter_mut().for_each(|(actor, _)| each(actor));
    }
}

fn read_ops(columns: &[(u64, Vec<u8>)]) -> Option<Vec<RawOp>> {
    let bytes = |spec| {
        let column = columns.iter().find(|(found, _)| *found == spec);
        column.map_or(&[][..], |(_, bytes)| bytes)
    };
    let actions = read_runs::<u64>(bytes(0x42), 0)?;
    let rows = actions.len();
    let obj_actor = read_runs::<u64>(bytes(0x01), rows)?;
    let obj_counter = read_runs::<u64>(bytes(0x02), rows)?;
    let key_actor = read_runs::<u64>(bytes(0x11), rows)?;
    let key_counter = read_deltas(bytes(0x13), rows)?;
    let key = read_runs::<Vec<u8>>(bytes(0x15), rows)?;
    let insert = read_flags(bytes(0x34), rows)?;
    let meta = read_runs::<u64>(bytes(0x56), rows)?;
    let counts = read_runs::<u64>(bytes(0x70), rows)?;
    let pred_actor = read_runs::<u64>(bytes(0x71), 0)?;
    let pred_counter = read_deltas(bytes(0x73), 0)?;
    let expand = read_flags(bytes(0x94), rows)?;
    let mark = read_runs::<Vec<u8>>(bytes(0xa5), rows)?;
    let (mut value_at, mut pred_at) = (0_usize, 0_usize);
    let mut ops = Vec::new();
    for row in 0..rows {
        let meta = (*meta.get(row)?)?;
        let length = (meta >> 4) as usize;
        let value = bytes(0x57)
            .get(value_at..value_at.checked_add(length)?)?
            .to_vec();
        value_at += length;
        let mut preds = Vec::new();
        for _ in 0..(*counts.get(row)?)? {
            preds.push(((*pred_actor.get(pred_at)?)?, (*pred_counter.get(pred_at)?)?));
            pred_at += 1;
        }
        ops.push(RawOp {
            obj_actor: *obj_actor.get(row)?,
            obj_counter: *obj_counter.get(row)?,
            key_actor: *key_actor.get(row)?,
            key_counter: *key_counter.get(row)?,
            key: key.get(row)?.clone(),
            insert: *insert.get(row)?,
            action: (*actions.get(row)?)?,
            value_kind: meta & 0xf,
            value,
            preds,
            expand: *expand.get(row)?,
            mark: mark.get(row)?.clone(),
        });
    }
    Some(ops)
}

fn write_ops(ops: &[RawOp], mut cut: impl FnMut() -> bool) -> Vec<(u64, Vec<u8>)> {
    let cut = &mut cut;
    let numbers = |of: fn(&RawOp) -> Option<u64>| ops.iter().map(of).collect::<Vec<_>>();
    let texts = |of: fn(&RawOp) -> Option<Vec<u8>>| ops.iter().map(of).collect::<Vec<_>>();
    let flags = |of: fn(&RawOp) -> bool| write_flags(&ops.iter().map(of).collect::<Vec<_>>());
    let counters: Vec<_> = ops.iter().map(|op| op.key_counter).collect();
    let preds: Vec<_> = ops.iter().flat_map(|op| op.preds.clone()).collect();
    let pred_actors: Vec<_> = preds.iter().map(|(actor, _)| Some(*actor)).collect();
    let pred_counters: Vec<_> = preds.iter().map(|(_, counter)| Some(*counter)).collect();
    let expand = match ops.iter().any(|op| op.expand) {
        true => flags(|op| op.expand),
        false => Vec::new(),
    };
    let meta = numbers(|op| Some(op.value_kind | (op.value.len() as u64) << 4));
    let columns = vec![
        (0x01, write_runs(&numbers(|op| op.obj_actor), &mut *cut)),
        (0x02, write_runs(&numbers(|op| op.obj_counter), &mut *cut)),
        (0x11, write_runs(&numbers(|op| op.key_actor), &mut *cut)),
        (0x13, write_deltas(&counters, &mut *cut)),
        (0x15, write_runs(&texts(|op| op.key.clone()), &mut *cut)),
        (0x34, flags(|op| op.insert)),
        (0x42, write_runs(&numbers(|op| Some(op.action)), &mut *cut)),
        (0x56, write_runs(&meta, &mut *cut)),
        (0x57, ops.iter().flat_map(|op| op.value.clone()).collect()),
        (
            0x70,
            write_runs(&numbers(|op| Some(op.preds.len() as u64)), &mut *cut),
        ),
        (0x71, write_runs(&pred_actors, &mut *cut)),
        (0x73, write_deltas(&pred_counters, &mut *cut)),
        (0x94, expand),
        (0xa5, write_runs(&texts(|op| op.mark.clone()), &mut *cut)),
    ];
    let written = columns.into_iter().filter(|(_, bytes)| !bytes.is_empty());
    written.collect()
}

fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    write_unsigned(out, bytes.len() as u64);
    out.extend(bytes);
}
