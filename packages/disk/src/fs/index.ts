// Files inside of disks: what the sandboxed process needs, and nothing else of this package.
export { archiveEntries, unreadableName, type ArchiveEntry } from './archive/entries.ts'
export { tarArchive } from './archive/tar.ts'
export { zipArchive } from './archive/zip.ts'
export { PagedDevice, type Device } from './device.ts'
export { fileErrors } from './errors.ts'
export type { FileKind, FileNode, FileSystemReader, NamedNode } from './model.ts'
export { findFile, listDirectory, nameMatcher, walkFiles, type FoundFile, type Walked } from './tree.ts'
export { chooseVolume, findVolumes, type NamedDevice, type Volume } from './volumes.ts'
