//! What the causes look at.

use std::marker::PhantomData;

/// Everything measured, as the causes see it.
pub struct Facts<'a> {
    marker: PhantomData<&'a ()>,
}
