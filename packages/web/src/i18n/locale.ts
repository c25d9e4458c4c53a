/** Languages of the console. `pseudo` is no language: it shows what has been forgotten to translate, and what becomes too long. */
export const locales = ['en', 'de', 'fr', 'pseudo'] as const
export type Locale = (typeof locales)[number]
/** Languages with a catalogue of their own; the others are made of the English one. */
export type WrittenLocale = 'de' | 'fr'
/** Languages that people can choose, by their own names. */
export const languageNames: Readonly<Record<Exclude<Locale, 'pseudo'>, string>> = {
  en: 'English',
  de: 'Deutsch',
  fr: 'Français',
}
const key = 'nixen.locale'

/** The language of this page, from its beginning to its end: another one comes with the next load. */
export const locale: Locale = readLocale()

/** The language for `Intl`: numbers, dates and plurals. `undefined` is that of the browser, with its region. */
export const intlLocale: string | undefined =
  locale === 'pseudo' ? 'en' : regional(typeof navigator === 'undefined' ? [] : navigator.languages)

/** Keeps the choice in this browser, and loads the page in it. */
export function chooseLocale(next: Locale | undefined): void {
  try {
    if (next === undefined) localStorage.removeItem(key)
    else localStorage.setItem(key, next)
  } catch {
    // Without storage the language is that of the browser.
  }
  location.reload()
}

/** What was chosen, or what the browser asks for; English outside of browsers, and when nothing fits. */
function readLocale(): Locale {
  if (typeof document === 'undefined') return 'en'
  const wanted = [kept(), ...navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase())]
  return wanted.flatMap((name) => locales.find((one) => one === name) ?? [])[0] ?? 'en'
}

function kept(): string | undefined {
  try {
    return localStorage.getItem(key) ?? undefined
  } catch {
    return undefined
  }
}

/** `en-GB` rather than `en` when the browser says so: dates look as they do elsewhere on the machine. */
function regional(tags: readonly string[]): string {
  return tags.find((tag) => tag.toLowerCase().startsWith(locale)) ?? locale
}
