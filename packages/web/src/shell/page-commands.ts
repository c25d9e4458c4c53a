import { useEffect } from 'react'
import { value } from '../value.ts'
import type { Command } from './commands.ts'

/** What the page at hand can do. */
export const pageCommands = value<readonly Command[]>([])

/** Puts the actions of a page into the palette while it is shown. */
export function usePageCommands(commands: readonly Command[]): void {
  useEffect(() => {
    pageCommands.set(commands)
    return () => pageCommands.set([])
  })
}
