//! Reading captures through the library: formats, damage, several threads and files, real captures.

mod build;
mod corpus;
mod damage;
mod formats;
mod paths;
mod read;
mod several;
mod threads;
