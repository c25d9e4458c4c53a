import { value } from '../value.ts'

const key = 'nixen.tree.shown'

function read(): boolean {
  try {
    return localStorage.getItem(key) === 'yes'
  } catch {
    return false
  }
}

/** Whether the infrastructure stands beside the page; kept in this browser. */
export const showTree = value(typeof document === 'undefined' ? false : read())
showTree.subscribe(() => {
  try {
    localStorage.setItem(key, showTree.get() ? 'yes' : 'no')
  } catch {
    // Without storage the choice lasts as long as the page.
  }
})
