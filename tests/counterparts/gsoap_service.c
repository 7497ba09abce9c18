/* A service of gSOAP. Says its port as JSON, then serves; each answer comes with the sender's usual frame. */
#include "soapH.h"
#include "hoso.nsmap"
#include <arpa/inet.h>
#include <stdio.h>

int ns__danhSach(struct soap *soap, int n, struct ns__danhSachResponse *out) {
    if (n < 0) return soap_sender_fault(soap, "so am", "<code>SO_AM</code>");
    out->__size = n;
    out->hoSo = soap_malloc(soap, (size_t)n * sizeof(struct ns__HoSo));
    for (int i = 0; i < n; i++) {
        char *id = soap_malloc(soap, 16);
        snprintf(id, 16, "HS%d", i);
        out->hoSo[i].id = id;
        out->hoSo[i].ten = "\xc4\x90\xe1\xbb\x97 & <x>";
        out->hoSo[i].so = i;
    }
    return SOAP_OK;
}

int ns__nop(struct soap *soap, struct ns__HoSo *hoSo, struct ns__nopResponse *out) {
    char *text = soap_malloc(soap, 256);
    snprintf(text, 256, "00:%s|%s|%d", hoSo->id, hoSo->ten, hoSo->so);
    out->ma = text;
    return SOAP_OK;
}

int main(void) {
    struct soap *soap = soap_new1(SOAP_C_UTFSTRING | SOAP_IO_KEEPALIVE);
    struct sockaddr_in at;
    socklen_t size = sizeof at;
    soap_set_mode(soap, SOAP_C_UTFSTRING);
    soap->keep_alive = 0;
    if (!soap_valid_socket(soap_bind(soap, "127.0.0.1", 0, 100))) return 1;
    getsockname(soap->master, (struct sockaddr *)&at, &size);
    printf("{\"port\": %d}\n", ntohs(at.sin_port));
    fflush(stdout);
    for (;;) {
        if (!soap_valid_socket(soap_accept(soap))) return 1;
        soap_serve(soap);
        soap_destroy(soap);
        soap_end(soap);
    }
}
