//! The roles of people in a circle.

use serde::{Deserialize, Serialize};

/// What a person is in a circle, ascending: each role may all that the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The outer circle (buitenkring).
    Outer,
    /// The inner circle (binnenkring).
    Inner,
    /// The task lead (opgavetrekker).
    Owner,
    /// The facilitator (leermakelaar or netwerkbegeleider).
    Facilitator,
}

impl Role {
    /// Every role, ascending.
    pub const ALL: [Self; 4] = [Self::Outer, Self::Inner, Self::Owner, Self::Facilitator];

    /// The name as it stands in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Outer => "outer",
            Self::Inner => "inner",
            Self::Owner => "owner",
            Self::Facilitator => "facilitator",
        }
    }

    /// The role with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}
