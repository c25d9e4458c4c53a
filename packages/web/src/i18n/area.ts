import { intlLocale, locale, type WrittenLocale } from './locale.ts'
import { pseudo } from './pseudo.ts'
import type { Translations } from './translations.ts'

/** Messages of one language in the shape of the English ones: what is missing there, or takes something else, fails the types. */
export type Translated<T> = {
  readonly [K in keyof T]: T[K] extends string
    ? string
    : T[K] extends (...given: infer G) => string
      ? (...given: G) => string
      : Translated<T[K]>
}

const catalogues: Readonly<Record<WrittenLocale, () => Promise<Translations>>> = {
  de: async () => (await import('./de/index.ts')).de,
  fr: async () => (await import('./fr/index.ts')).fr,
}

// Whatever has texts imports this module, and waits for the catalogue: texts are plain values from then on.
const loaded = locale === 'de' || locale === 'fr' ? await catalogues[locale]() : undefined
if (typeof document !== 'undefined') document.documentElement.lang = intlLocale ?? locale

/** The messages of an area in the language of the page. English is written beside the call, and travels with the pages that need it. */
export function area<T extends object>(name: keyof Translations, english: T): Translated<T> {
  // The catalogue has the area in the shape of the English one: `Translations` is made of the types of all of them.
  if (loaded) return loaded[name] as unknown as Translated<T>
  return (locale === 'pseudo' ? pseudo(english) : english) as Translated<T>
}
