import type { ReactNode } from 'react'
import { Logo } from '../ui/logo.tsx'

/** The frame of pages that are seen before somebody is in. */
export function Entrance({ title, children }: { readonly title: string; readonly children: ReactNode }): ReactNode {
  return (
    <main className="grid min-h-full place-items-center p-4">
      <section className="bg-panel border-line w-full max-w-md rounded-xl border p-6 shadow-sm sm:p-8">
        <div className="mb-6 flex items-center gap-3">
          <Logo size={34} />
          <h1 className="text-xl font-semibold">{title}</h1>
        </div>
        {children}
      </section>
    </main>
  )
}
