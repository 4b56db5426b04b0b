// What every journey needs that is not in the document: the customer, and patience.
export const baseUrl = process.env["BASE_URL"]!;
export const apiKey = process.env["API_KEY"]!;

export function check(holds: boolean, what: unknown): asserts holds {
  if (!holds) throw new Error(JSON.stringify(what));
}

export function given<T>(value: T | null | undefined, what: unknown): T {
  check(value !== null && value !== undefined, what);
  return value;
}

export async function pay(paymentUrl: string): Promise<void> {
  const body = new URLSearchParams({ action: "pay", method: "touchngo" });
  const answer = await fetch(paymentUrl, { method: "POST", body });
  check(answer.ok, await answer.text());
}

export async function until<T>(ask: () => Promise<T>, fits: (found: T) => boolean): Promise<T> {
  for (let tries = 0; tries < 300; tries++) {
    const found = await ask();
    if (fits(found)) return found;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error("waited in vain");
}

export const day = 86_400_000;
export const start = new Date(Date.now() - day).toISOString();
export const end = new Date(Date.now() + day).toISOString();
export const line = { product_name: "Phone", quantity: "2", unit_price: "999.99", tax_rate: "0.06" };
