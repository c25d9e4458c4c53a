import type { ReactNode } from 'react'

/** A column of a grid. */
export interface Column<T> {
  readonly id: string
  readonly title: string
  /** Field that a click on its head sorts by; none when left out. */
  readonly sort?: string
  /** Of the CSS grid: `minmax(12rem, 2fr)`. */
  readonly width: string
  readonly align?: 'end'
  /** Also on narrow screens. */
  readonly narrow?: boolean
  /** Only when somebody chooses it. */
  readonly hidden?: boolean
  readonly cell: (object: T) => ReactNode
}

const prefix = 'nixen.columns.'

/** The columns that this browser shows in a list; `undefined` when nobody has chosen. */
export function chosenColumns(list: string): readonly string[] | undefined {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(prefix + list) ?? 'null')
    return Array.isArray(kept) && kept.every((id) => typeof id === 'string') ? kept : undefined
  } catch {
    // Storage may be switched off, or hold what an extension put there.
    return undefined
  }
}

/** Keeps a choice of columns in this browser. */
export function chooseColumns(list: string, ids: readonly string[]): void {
  try {
    localStorage.setItem(prefix + list, JSON.stringify(ids))
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}
