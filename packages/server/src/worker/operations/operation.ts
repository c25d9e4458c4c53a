/** How far an operation is. */
export interface WorkerProgress {
  /** What it is doing: `read`, `check headers`, … */
  readonly phase: string
  /** The disk or file that it is working on. */
  readonly detail?: string | undefined
  readonly done: number
  readonly total: number
  readonly unit: 'bytes' | 'items'
  /** Bytes of sources, and bytes put into the repository or the target, since the start. */
  readonly bytesRead: number
  readonly bytesWritten: number
  /** Bytes read a second, over the last few seconds. */
  readonly bytesPerSecond: number
}

/** The shape of an operation. `item` is what comes piece by piece before the output. All of it is plain data (structured clone). */
export interface Operation<Input, Output, Item = never> {
  readonly input: Input
  readonly output: Output
  readonly item: Item
}

/**
 * How an operation stands to others of its repository and to the limits of the pool.
 *
 * - `light`: short; never waits behind what reads or writes much.
 * - `heavy`: reads or writes much; as many as processors, and two in one repository.
 * - `held`: gives something away until it is cancelled.
 * - `exclusive`: heavy, and waits until nobody else is in the repository.
 */
export type OperationKind = 'light' | 'heavy' | 'held' | 'exclusive'
