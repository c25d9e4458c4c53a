import { isAppError, messageOf } from '@nixen/core'
import { Bitmap } from '../prune/bitmap.ts'
import type { Repository, SignalOption } from '../repository/repository.ts'
import type { Snapshot } from '../snapshot/snapshot.ts'
import type { TreeNode } from '../tree/node.ts'
import { loadTree } from '../tree/read-tree.ts'
import type { Report } from './check-files.ts'
import type { Problem } from './finding.ts'

export interface TreesResult {
  /** Blobs (`data:<id>`, `tree:<id>`) that restore points need and that can't be had. */
  readonly lost: ReadonlySet<string>
  /** Entries of the index that restore points need. */
  readonly used: Bitmap
}

/** Walks every tree of every restore point, each once: all blobs are named by an index, files are as long as their blobs together. */
export async function checkTrees(
  repository: Repository,
  { snapshots, report }: { snapshots: readonly Snapshot[]; report: Report },
  options: SignalOption & { progress?: (done: number) => void } = {},
): Promise<TreesResult> {
  const walker = new TreeWalker(repository, report, options)
  for (const [done, { id, tree }] of snapshots.entries()) {
    options.progress?.(done)
    await walker.walk(id, tree)
  }
  options.progress?.(snapshots.length)
  return walker
}

class TreeWalker implements TreesResult {
  readonly lost = new Set<string>()
  readonly used: Bitmap
  readonly #repository: Repository
  readonly #report: Report
  readonly #options: SignalOption

  constructor(repository: Repository, report: Report, { signal }: SignalOption) {
    this.#repository = repository
    this.#report = report
    this.#options = { signal }
    this.used = new Bitmap(repository.index.size)
  }

  async walk(snapshot: string, root: string): Promise<void> {
    const open = [{ tree: root, path: '' }]
    for (let next = open.pop(); next; next = open.pop()) {
      this.#options.signal?.throwIfAborted()
      const where = `${next.path || '/'} of restore point ${snapshot.slice(0, 8)}`
      for (const node of (await this.#nodes(next.tree, where)) ?? []) {
        if (node.subtree !== undefined) open.push({ tree: node.subtree, path: `${next.path}/${node.name}` })
        if (node.type === 'file')
          this.#file(node, {
            tree: next.tree,
            where: `${next.path}/${node.name} of restore point ${snapshot.slice(0, 8)}`,
          })
      }
    }
  }

  /** Nodes of a tree that was not looked at before and can be read. */
  async #nodes(tree: string, where: string): Promise<readonly TreeNode[] | undefined> {
    const blob = `tree:${tree}`
    const entry = this.#repository.index.find('tree', Buffer.from(tree, 'hex'))
    if (entry < 0) {
      if (!this.lost.has(blob)) this.#lose('blob_missing', blob, `No index names tree ${tree}, which is ${where}.`)
      return undefined
    }
    if (!this.used.add(entry)) return undefined
    try {
      return (await loadTree(this.#repository, tree, this.#options)).nodes
    } catch (error) {
      if (!isAppError(error) || error.retryable || error.code === 'storage.denied') throw error
      const invalid = error.code === 'backup.tree_invalid'
      this.#lose(invalid ? 'tree_invalid' : 'blob_damaged', blob, `${messageOf(error)} It is ${where}.`)
      return undefined
    }
  }

  #file(node: TreeNode, { tree, where }: { tree: string; where: string }): void {
    const { index } = this.#repository
    let length = 0
    let complete = true
    for (const { id, count } of node.content?.runs() ?? []) {
      const entry = index.find('data', id)
      if (entry >= 0) {
        this.used.add(entry)
        length += index.plainLength(entry) * count
        continue
      }
      complete = false
      const hex = Buffer.from(id).toString('hex')
      const blob = `data:${hex}`
      if (!this.lost.has(blob)) this.#lose('blob_missing', blob, `No index names blob ${hex}, which ${where} needs.`)
    }
    if (!complete || length === node.size) return
    this.#report({
      severity: 'error',
      problem: 'tree_invalid',
      message: `${where} should have ${node.size} bytes, and its blobs have ${length} together.`,
      blobs: [`tree:${tree}`],
      affects: [],
    })
  }

  #lose(problem: Problem, blob: string, message: string): void {
    this.lost.add(blob)
    this.#report({ severity: 'error', problem, message, blobs: [blob], affects: [] })
  }
}
