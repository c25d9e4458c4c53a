import { useEffect, useState } from 'react'

/** The last query that is right, a while after the last letter: what a server is asked for. */
export function useSettled(q: string | undefined): string {
  const [settled, setSettled] = useState(q ?? '')
  useEffect(() => {
    if (q === undefined) return
    const timer = setTimeout(() => setSettled(q), 250)
    return () => clearTimeout(timer)
  }, [q])
  return settled
}
