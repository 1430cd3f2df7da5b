/** As much of the platforms' types as our files name, so that the compiler can read them without the platforms. */
declare module "node:crypto" {
  export function createHash(kind: string): { update(value: string): { digest(form: "hex"): string } }
  export function createHmac(kind: string, key: Buffer): { update(value: string): { digest(): Buffer } }
  export function timingSafeEqual(one: Buffer, other: Buffer): boolean
}
interface Buffer extends Uint8Array {
  toString(form?: string): string
}
declare const Buffer: { from(value: string, form?: string): Buffer }
declare const process: { env: Record<string, string | undefined> }
declare function setTimeout(act: () => void, ms: number): { unref(): void }

declare module "@medusajs/framework" {
  export type SubscriberArgs<T> = { event: { name: string; data: T }; container: { resolve: (name: string) => any }; pluginOptions: Record<string, unknown> }
  export type SubscriberConfig = { event: string | string[]; context?: { subscriberId?: string } }
}
declare module "@medusajs/framework/http" {
  export type MedusaRequest = { body: unknown; scope: { resolve: (name: string) => any } }
  export type MedusaResponse = { status(code: number): MedusaResponse; json(value: unknown): MedusaResponse; setHeader(name: string, value: string): void }
}
declare module "@medusajs/medusa/core-flows" {
  type Workflow = (scope: unknown) => { run(given: { input: any }): Promise<{ result: any }> }
  export const addToCartWorkflow: Workflow, createCartWorkflow: Workflow, updateCartPromotionsWorkflow: Workflow
}
declare module "@nestjs/common" {
  export interface OnApplicationBootstrap {
    onApplicationBootstrap(): unknown
  }
}
declare module "@nestjs/graphql" {
  export function Resolver(): ClassDecorator
  export function Mutation(): MethodDecorator
  export function Args(): ParameterDecorator
}
declare module "graphql-tag" {
  export default function gql(text: TemplateStringsArray): object
}
declare module "@vendure/core" {
  export type ID = string | number
  export type SerializedRequestContext = { serialized: true }
  export enum LanguageCode {
    en = "en",
  }
  export enum Permission {
    Owner = "Owner",
  }
  export class RequestContext {
    languageCode: LanguageCode
    serialize(): SerializedRequestContext
    static deserialize(given: SerializedRequestContext): RequestContext
  }
  export class VendureEvent {}
  class OfOrder extends VendureEvent {
    ctx: RequestContext
    order: { id: ID }
  }
  export class OrderEvent extends OfOrder {}
  export class OrderLineEvent extends OfOrder {}
  export class OrderPlacedEvent extends OfOrder {}
  export class OrderStateTransitionEvent extends OfOrder {}
  export class PaymentStateTransitionEvent extends OfOrder {}
  export class RefundStateTransitionEvent extends OfOrder {}
  export class CustomerEvent extends VendureEvent {
    ctx: RequestContext
    entity: { id: ID; emailAddress: string; phoneNumber: string }
    type: "created" | "updated" | "deleted"
  }
  export class EventBus {
    ofType<T extends VendureEvent>(type: new (...given: any[]) => T): { subscribe(act: (event: T) => void): void }
  }
  export type JobQueue<T> = { add(data: T, options?: { retries?: number }): Promise<unknown> }
  export class JobQueueService {
    createQueue<T>(given: { name: string; process: (job: { data: T }) => Promise<unknown> }): Promise<JobQueue<T>>
  }
  export class Order {
    id: ID
    code: string
    state: string
  }
  export class OrderService {
    findOne(ctx: RequestContext, id: ID, relations?: any): Promise<Order | undefined>
    findOneByCode(ctx: RequestContext, code: string, relations?: any): Promise<Order | undefined>
    addItemToOrder(ctx: RequestContext, order: ID, variant: ID, quantity: number): Promise<Order | { errorCode: string }>
    applyCouponCode(ctx: RequestContext, order: ID, code: string): Promise<Order | { errorCode: string }>
    updateCustomFields(ctx: RequestContext, order: ID, fields: any): Promise<Order>
  }
  export class ActiveOrderService {
    getActiveOrder(ctx: RequestContext, input: object | undefined, create?: boolean): Promise<Order | undefined>
  }
  export class PluginCommonModule {}
  export const Logger: { warn(text: string, context?: string): void; error(text: string, context?: string): void }
  export function isGraphQlErrorResult(given: unknown): boolean
  export function Allow(...given: Permission[]): MethodDecorator
  export function Transaction(): MethodDecorator
  export function Ctx(): ParameterDecorator
  export function VendurePlugin(given: {
    imports?: unknown[]
    compatibility?: string
    shopApiExtensions?: { schema: object; resolvers: unknown[] }
    configuration?: (config: { customFields: { Order: object[] } }) => object
  }): ClassDecorator
}
