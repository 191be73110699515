-- What "prisma migrate dev" writes for schema.prisma. The tests run it by themselves: Prisma's schema engine is a program that
-- its package downloads from a server of Prisma's, and does not come with it.
-- CreateTable
CREATE TABLE "customers" (
    "id" BIGSERIAL NOT NULL,
    "tenant_id" UUID NOT NULL DEFAULT tenant_guard.current_tenant(),
    "name" TEXT NOT NULL,

    CONSTRAINT "customers_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "invoices" (
    "id" BIGSERIAL NOT NULL,
    "tenant_id" UUID NOT NULL DEFAULT tenant_guard.current_tenant(),
    "customer_id" BIGINT NOT NULL,
    "number" INTEGER NOT NULL,

    CONSTRAINT "invoices_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "invoices_tenant_id_number_key" ON "invoices"("tenant_id", "number");

-- AddForeignKey
ALTER TABLE "invoices" ADD CONSTRAINT "invoices_customer_id_fkey" FOREIGN KEY ("customer_id") REFERENCES "customers"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
