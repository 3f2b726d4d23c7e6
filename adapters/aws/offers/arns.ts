/** How other services of AWS know the entities of AWS Marketplace. */
const region = "us-east-1";

/** The ARN of an offer, an offer set or a resale authorization of the account. */
export const arnOf = (account: string, id: string): string => {
  const kind = id.startsWith("resaleauthz-")
    ? "ResaleAuthorization"
    : id.startsWith("offerset-")
      ? "OfferSet"
      : "Offer";
  return `arn:aws:aws-marketplace:${region}:${account}:AWSMarketplace/${kind}/${id}`;
};
