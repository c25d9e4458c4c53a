/** Bytes of a block: all layers speak of the disk in blocks of this size. */
export const blockSize: number = 2 * 1024 * 1024
export const sectorSize = 512

/** Which sectors of a block a layer holds, the highest bit of a byte first. */
export type SectorMap = 'all' | Uint8Array

/** The image below, as a file names it. */
export interface LayerParent {
  /** File name in the same directory. */
  readonly name: string
  /** 32 hexadecimal digits, of a VHD. */
  readonly uuid: string
}

/** One image file of a chain, by itself: what it holds, without what is below. */
export interface Layer extends AsyncDisposable {
  /** Virtual size in bytes. */
  readonly size: number
  /** What children call it: 32 hexadecimal digits. */
  readonly uuid: string
  /** Writes are whole multiples of this many bytes, but at the end of the disk. */
  readonly granule: number
  readonly parent: LayerParent | undefined
  /** Whether the layer holds anything of a block. */
  has(block: number): boolean
  /** Numbers of the blocks of which it holds something, ascending. */
  presentBlocks(): Iterable<number>
  /** `undefined` when it holds nothing of the block. */
  map(block: number): Promise<SectorMap | undefined>
  /** Reads sectors that it holds; `start` counts from the start of the block. */
  read(block: number, start: number, into: Uint8Array): Promise<void>
  /** Writes whole granules within one block. */
  write(block: number, start: number, bytes: Uint8Array): Promise<void>
  setHidden(hidden: boolean): Promise<void>
  setParent(parent: LayerParent | undefined): Promise<void>
  grow(size: number): Promise<void>
  sync(): Promise<void>
  /** Bytes that the file takes. */
  allocated(): Promise<number>
}
