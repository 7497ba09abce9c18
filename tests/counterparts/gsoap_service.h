//gsoap ns service name: hoso
//gsoap ns service style: document
//gsoap ns service encoding: literal
//gsoap ns service namespace: urn:gsoap
//gsoap ns schema namespace: urn:gsoap
typedef char *xsd__string;
typedef int xsd__int;
struct ns__HoSo { xsd__string id; xsd__string ten; xsd__int so; };
struct ns__danhSachResponse { int __size; struct ns__HoSo *hoSo; };
struct ns__nopResponse { xsd__string ma; };
int ns__danhSach(xsd__int n, struct ns__danhSachResponse *out);
int ns__nop(struct ns__HoSo *hoSo, struct ns__nopResponse *out);
