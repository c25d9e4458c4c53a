import { assertNever } from '@nixen/core'
import { RegexFault, type Node, type Range } from './syntax.ts'

/** One step of a matcher (Thompson's construction): take a letter, go two ways, ask where we are, or be done. */
export type Step =
  | { readonly kind: 'letters'; readonly ranges: readonly Range[]; readonly negated: boolean }
  | { readonly kind: 'split'; readonly one: number; readonly other: number }
  | { readonly kind: 'start' | 'end' | 'match' }

/** No program is longer: `(a{100}){100}` is refused. */
export const maxSteps = 1000

/** Makes the program of a pattern: its last step is `match`. Throws a {@link RegexFault} when it would be too long. */
export function compileRegex(node: Node): readonly Step[] {
  const steps: Step[] = []
  emit(steps, node)
  add(steps, { kind: 'match' })
  return steps
}

function add(steps: Step[], step: Step): number {
  if (steps.length >= maxSteps) throw new RegexFault('The regular expression repeats too much.', 0)
  return steps.push(step) - 1
}

function emit(steps: Step[], node: Node): void {
  switch (node.kind) {
    case 'letters':
    case 'start':
    case 'end':
      add(steps, node)
      return
    case 'sequence':
      for (const part of node.of) emit(steps, part)
      return
    case 'choice':
      emitChoice(steps, node.of)
      return
    case 'repeat':
      for (let i = 0; i < node.least; i++) emit(steps, node.of)
      if (node.most === Infinity) emitLoop(steps, node.of)
      else for (let i = node.least; i < node.most; i++) emitOptional(steps, node.of)
      return
    default:
      assertNever(node, 'node')
  }
}

/** `a|b|c`: split to a, or on; after each, jump behind the last. */
function emitChoice(steps: Step[], of: readonly Node[]): void {
  const jumps: number[] = []
  for (const [i, part] of of.entries()) {
    const last = i === of.length - 1
    const split = last ? undefined : add(steps, { kind: 'split', one: 0, other: 0 })
    emit(steps, part)
    if (split === undefined) continue
    jumps.push(add(steps, { kind: 'split', one: 0, other: 0 }))
    steps[split] = { kind: 'split', one: split + 1, other: steps.length }
  }
  for (const jump of jumps) steps[jump] = { kind: 'split', one: steps.length, other: steps.length }
}

function emitLoop(steps: Step[], node: Node): void {
  const split = add(steps, { kind: 'split', one: 0, other: 0 })
  emit(steps, node)
  add(steps, { kind: 'split', one: split, other: split })
  steps[split] = { kind: 'split', one: split + 1, other: steps.length }
}

function emitOptional(steps: Step[], node: Node): void {
  const split = add(steps, { kind: 'split', one: 0, other: 0 })
  emit(steps, node)
  steps[split] = { kind: 'split', one: split + 1, other: steps.length }
}
