import type { Database } from '../../db/database.ts'
import type { Ref } from '../../generated/rows.ts'
import { Screen } from './screen.ts'

interface Shown {
  readonly screen: Screen
  /** When the machine started that shows it: after a restart the screen is new. */
  readonly started: number
}

/** What the machines show, and how many look at each. Kept in memory: a machine that was never looked at has no screen. */
export class Screens {
  readonly #db: Database
  readonly #shown = new Map<Ref<'VM'>, Shown>()
  readonly #viewers = new Map<string, number>()

  constructor(db: Database) {
    this.#db = db
  }

  /** The screen of a machine that runs. */
  of(vm: Ref<'VM'>): Screen {
    const { metrics } = this.#db.get('VM', vm)
    const started = this.#db.find('VM_metrics', metrics)?.start_time ?? 0
    const shown = this.#shown.get(vm)
    if (shown?.started === started) return shown.screen
    for (const old of this.#shown.keys()) if (!this.#db.find('VM', old)) this.#shown.delete(old)
    const screen = new Screen()
    screen.write(greeting(this.#db, vm))
    this.#shown.set(vm, { screen, started })
    return screen
  }

  /** How many look at a console now. */
  viewers(name: string): number {
    return this.#viewers.get(name) ?? 0
  }

  /** Counts one who looks at a console until disposed of. */
  enter(name: string): Disposable {
    this.#viewers.set(name, this.viewers(name) + 1)
    return {
      [Symbol.dispose]: () => {
        const left = this.viewers(name) - 1
        if (left > 0) this.#viewers.set(name, left)
        else this.#viewers.delete(name)
      },
    }
  }
}

/** The first lines of a console. */
export function greeting(db: Database, vm: Ref<'VM'>): string {
  return `${db.get('VM', vm).name_label}\n\nSimulated by Nixen. What is typed is shown.\n\n# `
}
